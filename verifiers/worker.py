"""The process that judges what may hang: a zygote imports the algebra once and forks a worker whenever it is asked.

The zygote runs nothing but `main`: it starts and kills workers on the word of the pool and dies with it. A worker reads
one item after another from its own socket and answers each. Both directions carry JSON: nothing is unpickled, so a
worker that hostile text has taken over can at most answer wrongly for its own items.
"""

import ctypes
import gc
import json
import os
import resource
import select
import signal
import socket
import sys
from dataclasses import asdict
from multiprocessing.connection import Connection
from typing import NoReturn

from verifiers.judge import VERIFIERS, Item, slow
from verifiers.verdict import Judgement

START, KILL = b"s", b"k"
COMMAND_BYTES = 9
"""A command of the pool: START and the worker's socket beside it, or KILL and a process id of 8 bytes."""

FULL = 0.6
"""Share of the address space that, once resident, counts as out of memory; the rest was denied."""

_PR_SET_PDEATHSIG = 1


def main(control_fd: int, memory_mb: int, max_items: int) -> None:
    """Serves START and KILL until the pool's end of the control socket closes or the pool's process is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the pool's process, which closes us in order
    pool_pid = os.getppid()
    for verifier in VERIFIERS.values():
        if hasattr(verifier, "warm_up"):
            verifier.warm_up()
    gc.freeze()  # pages of modules stay shared with the workers
    control = socket.socket(fileno=control_fd)
    workers: set[int] = set()
    while True:
        # The socket's end may be held open by a process that the pool's process forked: look at the parent as well.
        if not select.select([control], [], [], 1.0)[0]:
            if os.getppid() != pool_pid:
                break
            continue
        message, fds, _, _ = socket.recv_fds(control, COMMAND_BYTES, 1)
        if len(message) < COMMAND_BYTES:
            break
        if message[:1] == START:
            pid = os.fork()
            if pid == 0:
                control.close()
                _work(fds[0], memory_mb, max_items)
            os.close(fds[0])
            workers.add(pid)
            control.sendall(pid.to_bytes(8, "big"))
        else:
            pid = int.from_bytes(message[1:], "big")
            control.sendall(_end(pid).to_bytes(8, "big", signed=True))
            workers.discard(pid)
    for pid in workers:
        _end(pid)


def _end(pid: int) -> int:
    """Kills and reaps a worker; gives its exit code, negative for a signal."""
    done, status = os.waitpid(pid, os.WNOHANG)
    if done == 0:
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def _work(fd: int, memory_mb: int, max_items: int) -> NoReturn:
    """Answers items until `max_items` are done, memory ran out once, or the pool closes the socket."""
    code = 1
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        silence = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(silence, stream)
        resource.setrlimit(resource.RLIMIT_AS, (memory_mb << 20, memory_mb << 20))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _serve(Connection(fd), memory_mb, max_items)
        code = 0
    except EOFError:
        code = 0
    finally:
        os._exit(code)


def _serve(connection: Connection, memory_mb: int, max_items: int) -> None:
    for served in range(1, max_items + 1):
        item = Item(*json.loads(connection.recv_bytes()))
        try:
            judgement = slow(item)
            # Libraries swallow MemoryError and call the answer unreadable: how full the memory got tells the truth.
            spent = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > memory_mb * 1024 * FULL
        except MemoryError:
            judgement, spent = None, True
        if judgement is None or (spent and judgement.verdict != "correct"):
            verifier = VERIFIERS[item.verifier]
            detail = f"out of the worker's {memory_mb} MB"
            judgement = Judgement("memory", None, detail, 0.0, verifier.NAME, verifier.VERSION)
        last = spent or served == max_items  # what is left of a heap that ran full is not trusted
        connection.send_bytes(json.dumps({**asdict(judgement), "last": last}).encode())
        if last:
            return


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
