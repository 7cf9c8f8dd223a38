"""Locks between processes of one machine, gone with the process that holds them, however it ends."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from catalog.errors import UserError
from catalog.files import explained

_held: set[tuple[int, str]] = set()


@contextmanager
def exclusive(path: str, what: str) -> Iterator[None]:
    """Holds the lock file `path`; `what` names the thing locked, for the message to a second holder.

    Raises UserError, naming the holder's process and since when, where another one holds it. The lock is of the POSIX
    kind: a forked worker that outlives a killed build does not keep it, as it would with flock.
    """
    path = os.path.realpath(path)
    mine = (os.getpid(), path)
    # POSIX locks do not exclude threads of one process, and closing any descriptor of the file would drop ours.
    if mine in _held:
        raise UserError(f"{what} is in use by this process already: wait for it to end.")
    with explained(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            raise UserError(f"{what} is in use by {_holder(fd)}: wait for it to end, or stop it.") from None
        _held.add(mine)
        try:
            note = {"pid": os.getpid(), "since": datetime.now(UTC).isoformat(timespec="seconds")}
            with explained(path):
                os.ftruncate(fd, 0)
                os.pwrite(fd, json.dumps(note).encode(), 0)
            yield
        finally:
            _held.discard(mine)
    finally:
        os.close(fd)


def _holder(fd: int) -> str:
    try:
        note = json.loads(os.pread(fd, 4096, 0))
        return f"process {int(note['pid'])} since {note['since']}"
    except (ValueError, KeyError, TypeError):  # it has the lock but has not written its note yet
        return "another process"
