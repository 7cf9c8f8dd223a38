"""A fresh fork of the zygote, from its first line to the entry that it was made for.

Each object that it touches costs it a page of memory to copy, so it touches few.
"""

import gc
import json
import os
import socket
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from verifiers.sandbox import linux, program
from verifiers.sandbox.channel import Channel, ChildEnd

CHANNEL = 3
"""In a child: 0 stdin, 1 stdout, 2 stderr, 3 its channel, then those that the caller gave."""

_OPEN_MAX = os.sysconf("SC_OPEN_MAX")
_LAST_FD = _OPEN_MAX if _OPEN_MAX > 0 else 1 << 16
_REHEARSALS = 20

Entry = Callable[[dict[str, Any], ChildEnd, Sequence[int]], None]
_dup2 = linux.direct.dup2
_scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


def become(entry: Entry, fds: list[int], steps: Callable[[], Iterable[linux.Step]]) -> NoReturn:
    """Arranges its descriptors (none is below their count), confines itself, reads what it is to do and does it."""
    code = 70
    try:
        for target, fd in enumerate(fds):
            if _dup2(fd, target) == -1:
                raise OSError("dup2 is refused")
        linux.take(steps())
        os.closerange(len(fds), _LAST_FD)
        channel = ChildEnd(CHANNEL)
        payload, _ = _scan(channel.first().decode(), 0)
        gc.enable()
        entry(payload, channel, range(CHANNEL + 1, len(fds)))
        code = 0
    except EOFError:
        code = 0
    finally:
        os._exit(code)


def rehearse() -> None:
    """Goes, in the zygote, through what runs do around their program, with programs of ours that do nothing.

    What the interpreter writes down when code first runs (caches, specialised instructions) then stands in memory that
    forks share; each of them would otherwise copy some 200 pages in order to write it anew.
    """
    for code in ("", "print()", "raise ValueError") * _REHEARSALS:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            host, channel = Channel(ours), ChildEnd(theirs.fileno())
            host.send_bytes(json.dumps({"code": code}).encode())
            payload, _ = _scan(channel.first().decode(), 0)
            program.main(payload, channel, [])
            host.recv_bytes()
