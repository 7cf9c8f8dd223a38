"""The warm process: imports once, forks a confined child for every run, ends it on our word or when we are gone.

It is single-threaded, runs no program itself and never reads what a child says: a child's channel goes straight to
the host. It speaks two kinds of socket. On `control` requests arrive, each with the descriptors of one run. Each run
has a status socket: the zygote says there that the run has begun, how it ended, and whether that was by our word; the
host says b"k" for kill, b"i" for interrupt, b"d" where the run seems to be dying by itself and is to be killed only if
it is not dead soon; closing it kills too.
"""

import gc
import importlib
import json
import os
import random
import select
import signal
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from verifiers.heap import shared_with_forks
from verifiers.sandbox import landlock, linux, request, seccomp
from verifiers.sandbox.child import Entry, become, rehearse
from verifiers.sandbox.confine import Layers, Prepared
from verifiers.sandbox.root import SCRATCH

REQUEST_BYTES = 1 << 16
MAX_FDS = 32
_RIGHTS_BYTES = socket.CMSG_LEN(4 * MAX_FDS)
DYING_S = 1.0
"""How long a run that seems to be dying may take to be dead, on the busiest machine, before it is killed."""

LATE_S = 2.0
"""How long past its time a run may live that the host has forgotten."""

_OWN_SPACES = linux.CLONE_NEWPID | linux.CLONE_NEWNS
_LOOK = os.WEXITED | os.WNOHANG | os.WNOWAIT


class _Absent(Exception):
    """What should be ready cannot be imported."""


class _Run:
    __slots__ = ("ends_at", "killed", "number", "pid", "pidfd", "status")

    def __init__(self, number: int, pid: int, status: int, ends_at: float) -> None:
        self.number, self.pid, self.status, self.ends_at = number, pid, status, ends_at
        self.pidfd = os.pidfd_open(pid)
        self.killed = False


def main(control: socket.socket, config: dict[str, Any]) -> None:
    """Prepares, says {"ready": true, ...} and serves until the host's process or its end of `control` is gone."""
    way = config["way"]
    try:
        layers = _layers(way, config["readable"])
        with shared_with_forks():
            entries = _import(config["preload"], config["entries"])
            _warm(layers, config["entries"])
        gc.disable()
        base_bytes = int(_own("statm", config["proc"]).split()[0]) * os.sysconf("SC_PAGE_SIZE")
        os.close(config["proc"])
        for _ in range(MAX_FDS):
            os.open(os.devnull, os.O_RDWR)  # what a run is given lies above the numbers that it shall have
        prepared = Prepared(layers, base_bytes)
    except _Absent as error:
        control.send(json.dumps({"absent": str(error)}).encode())
    except OSError as error:
        control.send(json.dumps({"failed": f"{way}: {error}"}).encode())
    else:
        control.send(json.dumps({"ready": True, "landlock": layers.landlock, "user": os.getuid()}).encode())
        _serve(control, config, prepared, entries)


def _layers(way: str, readable: list[str]) -> Layers:
    """Raises OSError where this machine lacks what the way needs."""
    layers = Layers(
        namespaces=way in ("unshare", "bubblewrap"),
        seccomp=way != "limits" and seccomp.offered(),
        landlock=way != "limits" and landlock.version() > 0,
        readable=readable,
    )
    if way != "limits" and not layers.seccomp:
        raise OSError("this kernel or processor offers no seccomp filter")
    if way == "filters" and not layers.landlock:
        raise OSError("this kernel offers no Landlock")
    return layers


def _import(preload: Sequence[str], entries: Sequence[str]) -> list[Entry]:
    try:
        for name in preload:
            importlib.import_module(name)
        found = []
        for entry in entries:
            module, _, function = entry.partition(":")
            found.append(getattr(importlib.import_module(module), function))
        return found
    except (ImportError, AttributeError) as error:
        raise _Absent(str(error)) from None


def _warm(layers: Layers, entries: Sequence[str]) -> None:
    os.environ.clear()
    os.environ.update(LANG="C.UTF-8", **({"HOME": SCRATCH, "TMPDIR": SCRATCH} if layers.namespaces else {}))
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # it is for runs, each of which lets it through
    linux.become_subreaper()
    rehearse()
    for name in dict.fromkeys(entry.partition(":")[0] for entry in entries):
        getattr(sys.modules[name], "rehearse", int)()  # an entry's own way, where its module has one
    random.seed(0)


def _own(name: str, proc: int) -> str:
    fd = os.open(f"self/{name}", os.O_RDONLY, dir_fd=proc)
    with open(fd) as file:
        return file.read()


def _serve(control: socket.socket, config: dict[str, Any], prepared: Prepared, entries: Sequence[Entry]) -> None:
    layers, scratch = prepared.layers, config["scratch"]
    runs: dict[int, _Run] = {}  # by the descriptors that are waited for: a run's status, and its process
    numbers = 0
    waiting = select.epoll()
    waiting.register(control, select.EPOLLIN)
    waiting.register(config["owner"], select.EPOLLIN)
    while True:
        for fd, _ in waiting.poll(0.5 if runs else None):
            if fd == config["owner"]:
                return _end_all(runs)
            if fd == control.fileno():
                message, rights, _, _ = control.recvmsg(REQUEST_BYTES, _RIGHTS_BYTES)
                if not message:
                    return _end_all(runs)
                numbers += 1
                fds = [fd for _, _, data in rights for fd in memoryview(data).cast("i")]
                run = _start(message, fds, numbers, scratch, prepared, entries)
                if run is not None:
                    for part in (run.status, run.pidfd):
                        runs[part] = run
                        waiting.register(part, select.EPOLLIN)
            elif (found := runs.get(fd)) is not None:
                if fd == found.pidfd:
                    for part in (found.status, found.pidfd):
                        if runs.pop(part, None):
                            waiting.unregister(part)
                    _reap(found, layers, scratch, runs)
                elif not _obey(found, layers):
                    waiting.unregister(fd)
                    del runs[fd]
        now = time.monotonic()
        for run in runs.values():
            if now > run.ends_at:
                _kill(run, layers)


def _start(
    message: bytes,
    fds: list[int],
    number: int,
    scratch: str,
    prepared: Prepared,
    entries: Sequence[Entry],
) -> _Run | None:
    status = fds[0]
    entry, seconds, limits = request.read(message)
    steps = prepared.steps(limits, f"{scratch}/{number}")
    try:
        pid = linux.fork(_OWN_SPACES if prepared.layers.namespaces else 0)
        if pid == 0:
            become(entries[entry], fds[1:], steps)
        run = _Run(number, pid, status, time.monotonic() + seconds + LATE_S)
        os.write(status, b'{"begun": true}')
        return run
    except BrokenPipeError:  # the host is gone already; the run's time ends it
        return run
    except OSError as error:
        with suppress(OSError):
            os.write(status, json.dumps({"failed": f"{type(error).__name__}: {error}"}).encode())
        os.close(status)
        return None
    finally:
        for fd in fds[1:]:
            os.close(fd)


def _obey(run: _Run, layers: Layers) -> bool:
    """Does what the host says; False where it will say no more."""
    try:
        word = os.read(run.status, 1)
    except OSError:
        word = b""
    if word == b"i":
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(run.pidfd, signal.SIGINT)
        return True
    if word == b"d":
        run.ends_at = min(run.ends_at, time.monotonic() + DYING_S)
        return True
    _kill(run, layers)
    return False


def _kill(run: _Run, layers: Layers) -> None:
    if os.waitid(os.P_PIDFD, run.pidfd, _LOOK) is None:
        run.killed = True
    with suppress(ProcessLookupError):
        if not layers.namespaces:  # with them, the kernel kills all that the first process of a namespace has made
            os.killpg(run.pid, signal.SIGKILL)
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(run.pidfd, signal.SIGKILL)


def _reap(run: _Run, layers: Layers, scratch: str, others: dict[int, _Run]) -> None:
    if not layers.namespaces:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(run.pid, signal.SIGKILL)  # the leader is a zombie still, so the number is ours
    _, status, usage = os.wait4(run.pid, 0)
    os.close(run.pidfd)
    if not layers.namespaces:
        if not layers.seccomp:
            _kill_orphans({other.pid for other in others.values()})
        import shutil  # not before it is needed: it loads three libraries, which every run would map

        shutil.rmtree(f"{scratch}/{run.number}", ignore_errors=True)
    code, cpu_s = os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime
    with suppress(OSError):  # the host is gone
        os.write(run.status, b'{"exit": %d, "cpu_s": %f, "killed": %d}' % (code, cpu_s, run.killed))
    os.close(run.status)


def _kill_orphans(known: set[int]) -> None:
    """Kills what a run without namespaces and filter has left behind; such processes become our children."""
    for _ in range(1000):
        with open("/proc/thread-self/children") as file:
            orphans = {int(pid) for pid in file.read().split()} - known
        if not orphans:
            return
        for pid in orphans:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _end_all(runs: dict[int, _Run]) -> None:
    for run in runs.values():
        with suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(run.pidfd, signal.SIGKILL)
