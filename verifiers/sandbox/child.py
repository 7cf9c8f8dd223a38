"""A fresh fork of the zygote, from its first line to the entry that it was made for."""

import gc
import json
import os
import signal
import socket
from collections.abc import Callable
from typing import Any, NoReturn

from verifiers.sandbox import program
from verifiers.sandbox.channel import Channel, ChildEnd
from verifiers.sandbox.confine import Prepared, confine
from verifiers.sandbox.outcome import Limits

FIRST_FD = 4
"""In a child: 0 stdin, 1 stdout, 2 stderr, 3 its channel, then those that the caller gave."""

_OPEN_MAX = os.sysconf("SC_OPEN_MAX")
_LAST_FD = _OPEN_MAX if _OPEN_MAX > 0 else 1 << 16
_REHEARSALS = 20

Entry = Callable[[dict[str, Any], ChildEnd, list[int]], None]


def become(entry: Entry, fds: list[int], limits: Limits, prepared: Prepared, scratch: str) -> NoReturn:
    """Arranges its descriptors, confines itself, reads what it is to do and does it."""
    code = 70
    try:
        channel_fd, *streams_and_others = fds
        order = [*streams_and_others[:3], channel_fd, *streams_and_others[3:]]
        high = [os.dup(fd) for fd in order] if min(order) < len(order) else order
        for target, fd in enumerate(high):
            os.dup2(fd, target)
        confine(limits, prepared, scratch)
        os.closerange(len(order), _LAST_FD)
        channel = ChildEnd(3)
        payload = json.loads(channel.first())
        gc.enable()
        entry(payload, channel, list(range(FIRST_FD, len(order))))
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
            program.main(json.loads(channel.first()), channel, [])
            host.recv_bytes()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
