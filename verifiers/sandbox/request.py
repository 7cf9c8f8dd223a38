"""What the host asks the zygote for: one run, in a few fixed bytes that cost the zygote no parser."""

import functools
import struct
from dataclasses import astuple, dataclass

from verifiers.sandbox.outcome import Limits

_HEAD = struct.Struct("<Hd")
_LIMITS = struct.Struct("<5d")


@dataclass(frozen=True, slots=True)
class Request:
    entry: int
    """Its place among the zygote's entries."""
    seconds: float
    limits: Limits

    def written(self) -> bytes:
        return _HEAD.pack(self.entry, self.seconds) + _LIMITS.pack(*astuple(self.limits))

    @staticmethod
    def read(data: bytes) -> "Request":
        entry, seconds = _HEAD.unpack_from(data)
        return Request(entry, seconds, _limits(data[_HEAD.size :]))


@functools.lru_cache(maxsize=16)
def _limits(data: bytes) -> Limits:
    return Limits(*_LIMITS.unpack(data))
