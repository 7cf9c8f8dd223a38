"""One end of the channel between tests and candidate: messages as JSON, four bytes of length before each.

Plain reads and writes of a descriptor: most messages are short, and an answer is waited for behind each.
"""

import os
import select
from typing import Any

from verifiers.code.values import MAX_BYTES, dump, load

_HEADER = 4
_CHUNK = 1 << 16


class Wire:
    """Owns the descriptor; a context manager."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._arrived = bytearray()

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def send(self, message: Any) -> None:
        """Raises NotPlain for one that is too long, OSError where the other end is gone."""
        data = dump(message)
        rest = len(data).to_bytes(_HEADER, "big") + data
        while rest:
            rest = rest[os.write(self._fd, rest) :]

    def receive(self) -> Any:
        """Waits for a message. Raises EOFError or OSError where the other end is gone or sends one that is too long,
        Garbage for what is no message."""
        size = int.from_bytes(self._take(_HEADER), "big")
        if size > MAX_BYTES:
            raise OSError(f"a message of {size} bytes")
        return load(self._take(size))

    def arrives(self, seconds: float) -> bool:
        """Whether there is something to receive within some seconds, be it the end."""
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        return bool(self._arrived) or bool(poll.poll(seconds * 1e3))

    def _take(self, size: int) -> bytes:
        arrived = self._arrived
        while len(arrived) < size:
            part = os.read(self._fd, max(_CHUNK, size - len(arrived)))
            if not part:
                raise EOFError
            arrived += part
        taken = bytes(arrived[:size])
        del arrived[:size]
        return taken
