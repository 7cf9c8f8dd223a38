"""Frames of bytes over a stream socket: four bytes of length, then the bytes. Nothing is ever unpickled.

Both ends of the sandbox use it. Our end trusts nothing that arrives: lengths are capped, descriptors that a program
sends along are dropped by the kernel, and a frame that stops half-way costs no more than the time that was given.
"""

import os
import select
import socket
import time

MAX_FRAME = 16 << 20
_CHUNK = 1 << 16
_HEADER = 4
_MAX_FDS = 16


class Channel:
    """One end. `take_fds`: whether descriptors that ride on frames are accepted (the program's end only)."""

    def __init__(self, end: socket.socket, take_fds: bool = False) -> None:
        end.setblocking(False)
        self._socket = end
        self._take_fds = take_fds
        self._arrived = bytearray()
        self._fds: list[int] = []

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def closed(self, seconds: float) -> bool:
        """Whether the other end has closed, or does so in some seconds, be it with frames that nobody has read."""
        poll = select.poll()
        poll.register(self._socket, 0)  # the end is told without being asked for
        return bool(poll.poll(seconds * 1e3))

    def send_bytes(self, data: bytes, fds: tuple[int, ...] = (), until: float | None = None) -> None:
        """Sends a frame. `until`: time.monotonic() at which TimeoutError is raised; OSError where nobody listens."""
        rest = memoryview(len(data).to_bytes(_HEADER, "big") + data)
        while rest:
            try:
                if fds:
                    sent = socket.send_fds(self._socket, [rest[:_CHUNK]], list(fds))
                    fds = ()
                else:
                    sent = self._socket.send(rest[:_CHUNK])
                rest = rest[sent:]
            except BlockingIOError:
                if not ready(self._socket, select.POLLOUT, until):
                    raise TimeoutError("the other end does not read") from None

    def recv_bytes(self, limit: int = MAX_FRAME) -> bytes:
        """Waits for a frame; EOFError where the other end has closed, ValueError for one longer than `limit`."""
        frame = self.receive(None, limit)
        assert frame is not None
        return frame

    def receive(self, until: float | None, limit: int = MAX_FRAME) -> bytes | None:
        """Gives the next frame, None when time.monotonic() passes `until` first; raises as recv_bytes does."""
        while (frame := self._complete(limit)) is None:
            try:
                self._read()
            except BlockingIOError:
                if not ready(self._socket, select.POLLIN, until):
                    return None
            except ConnectionError:
                raise EOFError from None
        return frame

    def received_fds(self) -> list[int]:
        """Gives the descriptors that rode on frames since the last call."""
        fds, self._fds = self._fds, []
        return fds

    def _complete(self, limit: int) -> bytes | None:
        if len(self._arrived) < _HEADER:
            return None
        length = int.from_bytes(self._arrived[:_HEADER], "big")
        if length > limit:
            raise ValueError(f"a frame of {length} bytes, {limit} allowed")
        if len(self._arrived) < _HEADER + length:
            return None
        frame = bytes(self._arrived[_HEADER : _HEADER + length])
        del self._arrived[: _HEADER + length]
        return frame

    def _read(self) -> None:
        if self._take_fds:
            data, fds, _, _ = socket.recv_fds(self._socket, _CHUNK, _MAX_FDS)
            self._fds += fds
        else:
            data = self._socket.recv(_CHUNK)
        if not data:
            raise EOFError
        self._arrived += data


class Plain:
    """Frames by plain reads and writes of a descriptor, on which nothing rides. A socket object of Python's touches so
    much memory that each fork would copy half a megabyte for it.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def send_bytes(self, data: bytes) -> None:
        """Sends a frame; OSError where nobody listens."""
        rest = len(data).to_bytes(_HEADER, "big") + data
        while rest:
            rest = rest[os.write(self._fd, rest) :]

    def recv_bytes(self, limit: int = MAX_FRAME) -> bytes:
        """Waits for a frame; raises as Channel does, or another OSError."""
        length = int.from_bytes(self._exactly(_HEADER), "big")
        if length > limit:
            raise ValueError(f"a frame of {length} bytes, {limit} allowed")
        return self._exactly(length)

    def _exactly(self, size: int) -> bytes:
        found = os.read(self._fd, size)
        if len(found) == size:
            return found
        parts = bytearray(found)
        while len(parts) < size:
            part = os.read(self._fd, size - len(parts))
            if not part:
                raise EOFError
            parts += part
        return bytes(parts)


class ChildEnd(Plain):
    """The program's end, for entries: plain until a frame is waited for that descriptors may ride on."""

    def __init__(self, fd: int) -> None:
        super().__init__(fd)
        self._channel: Channel | None = None

    def first(self) -> bytes:
        """Waits for the first frame, which nothing rides on; EOFError where the other end has closed."""
        return super().recv_bytes()

    def send_bytes(self, data: bytes) -> None:
        if self._channel is not None:
            return self._channel.send_bytes(data)
        super().send_bytes(data)

    def recv_bytes(self, limit: int = MAX_FRAME) -> bytes:
        """Waits for a frame; raises as Channel does."""
        return self._whole().recv_bytes(limit)

    def received_fds(self) -> list[int]:
        """Gives the descriptors that rode on frames since the last call."""
        return self._whole().received_fds()

    def _whole(self) -> Channel:
        if self._channel is None:
            end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, self._fd)
            self._channel = Channel(end, take_fds=True)
        return self._channel


def ready(end: socket.socket, event: int, until: float | None) -> bool:
    """Waits until a socket can be used (or has ended); False when time.monotonic() passes `until` first."""
    poll = select.poll()
    poll.register(end, event)
    while True:
        left = None if until is None else max(0.0, until - time.monotonic())
        if poll.poll(None if left is None else left * 1e3):
            return True
        if left is not None and time.monotonic() >= until:  # type: ignore[operator]
            return False
