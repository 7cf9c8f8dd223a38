"""What the host asks the zygote for: one run, in a few fixed bytes that cost the zygote no parser."""

import struct
from dataclasses import fields
from operator import attrgetter

from verifiers.sandbox.outcome import Limits

_HEAD = struct.Struct("<Hd")
_LIMITS = struct.Struct("<5d")
_values = attrgetter(*(field.name for field in fields(Limits)))


def written(entry: int, seconds: float, limits: Limits) -> bytes:
    """`entry`: its place among the zygote's entries; `seconds`: how long the run may live."""
    return _HEAD.pack(entry, seconds) + _LIMITS.pack(*_values(limits))


def read(request: bytes) -> tuple[int, float, bytes]:
    """Gives entry, seconds, and the limits as they are written: as such they are a key to what is ready for them."""
    entry, seconds = _HEAD.unpack_from(request)
    return entry, seconds, request[_HEAD.size :]


def limits(written: bytes) -> Limits:
    return Limits(*_LIMITS.unpack(written))
