"""One end of the channel between tests and candidate: messages as JSON, a frame each."""

import os
import select
from typing import Any

from verifiers.code.values import MAX_BYTES, dump, load
from verifiers.sandbox.channel import Plain


class Wire:
    """Owns the descriptor; a context manager."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._frames = Plain(fd)

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def send(self, message: Any) -> None:
        """Raises NotPlain for one that is too long, OSError where the other end is gone."""
        self._frames.send_bytes(dump(message))

    def receive(self) -> Any:
        """Waits for a message. Raises EOFError or OSError where the other end is gone, ValueError where what it sends
        is too long or no message."""
        return load(self._frames.recv_bytes(MAX_BYTES))

    def arrives(self, seconds: float) -> bool:
        """Whether there is something to receive within some seconds, be it the end."""
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        return bool(poll.poll(seconds * 1e3))
