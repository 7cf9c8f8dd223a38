"""The warm process: imports once, forks a confined child for every run, ends it on our word or when we are gone.

It is single-threaded, runs no program itself and never reads what a child says: a child's channel goes straight to
the host. It speaks two kinds of socket. On `control` requests arrive, each with the descriptors of one run. Each run
has a status socket: the zygote says there that the run has begun and how it ended; the host says b"k" for kill, b"i"
for interrupt, and closing it kills too.
"""

import ctypes
import gc
import importlib
import json
import os
import selectors
import shutil
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NoReturn

from verifiers.sandbox import landlock, linux, seccomp
from verifiers.sandbox.channel import Channel
from verifiers.sandbox.confine import Layers, confine, scratch_folder

REQUEST_BYTES = 1 << 16
MAX_FDS = 32
FIRST_FD = 4
"""In a child: 0 stdin, 1 stdout, 2 stderr, 3 its channel, then those that the caller gave."""

LATE_S = 2.0
"""How long past its time a run may live that the host has forgotten."""

_MADV_COLLAPSE, _HUGE = 25, 2 << 20

Entry = Callable[[dict[str, Any], Channel, list[int]], None]


class _Run:
    __slots__ = ("ends_at", "number", "pid", "pidfd", "status")

    def __init__(self, number: int, pid: int, status: socket.socket, ends_at: float) -> None:
        self.number, self.pid, self.status, self.ends_at = number, pid, status, ends_at
        self.pidfd = os.pidfd_open(pid)


def main(control: socket.socket, config: dict[str, Any]) -> None:
    """Prepares, says {"ready": true, ...} and serves until the host's process or its end of `control` is gone."""
    way = config["way"]
    try:
        spaces = way in ("unshare", "bubblewrap")
        layers = Layers(
            namespaces=spaces,
            seccomp=way != "limits" and seccomp.offered(),
            landlock=way != "limits" and landlock.version() > 0,
            readable=config["readable"],
        )
        if way != "limits" and not layers.seccomp:
            raise OSError("this kernel or processor offers no seccomp filter")
        if way == "filters" and not layers.landlock:
            raise OSError("this kernel offers no Landlock")
    except OSError as error:
        control.send(json.dumps({"failed": f"{way}: {error}"}).encode())
        return
    try:
        table = _import(config["preload"], config["entries"])
    except (ImportError, AttributeError) as error:
        control.send(json.dumps({"absent": str(error)}).encode())
        return
    os.environ.clear()
    os.environ.update(LANG="C.UTF-8")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    linux.become_subreaper()
    seccomp.prepare()
    _settle(config["proc"])
    base_bytes = int(_own("statm", config["proc"]).split()[0]) * os.sysconf("SC_PAGE_SIZE")
    os.close(config["proc"])
    control.send(json.dumps({"ready": True, "landlock": layers.landlock, "user": os.getuid()}).encode())
    _serve(control, config, layers, table, base_bytes)


def _import(preload: Sequence[str], entries: Sequence[str]) -> dict[str, Entry]:
    for name in preload:
        importlib.import_module(name)
    table = {}
    for entry in entries:
        module, _, function = entry.partition(":")
        table[entry] = getattr(importlib.import_module(module), function)
    return table


def _own(name: str, proc: int) -> str:
    fd = os.open(f"self/{name}", os.O_RDONLY, dir_fd=proc)
    with open(fd) as file:
        return file.read()


def _settle(proc: int) -> None:
    """Makes forks cheap: no collector that writes to shared pages, no free pages, huge ones where there are.

    A fork copies one table entry for each page; with huge pages (MADV_COLLAPSE, Linux 6.1) there are far fewer.
    """
    gc.collect()
    gc.freeze()
    gc.disable()
    with suppress(AttributeError):
        linux.libc.malloc_trim(0)
    for line in _own("maps", proc).splitlines():
        words = line.split()
        if len(words) > 5 and words[5] != "[heap]":
            continue
        low, high = (int(address, 16) for address in words[0].split("-"))
        for address in range(-(-low // _HUGE) * _HUGE, high // _HUGE * _HUGE, _HUGE):
            linux.libc.madvise(ctypes.c_void_p(address), ctypes.c_size_t(_HUGE), _MADV_COLLAPSE)


def _serve(
    control: socket.socket, config: dict[str, Any], layers: Layers, table: dict[str, Entry], base_bytes: int
) -> None:
    own = os.pidfd_open(os.getpid())
    runs: dict[int, _Run] = {}
    numbers = 0
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        selector.register(config["owner"], selectors.EVENT_READ)
        while True:
            for key, _ in selector.select(0.5 if runs else None):
                if key.fileobj == config["owner"]:
                    return _end_all(runs)
                if key.fileobj is control:
                    message, fds, _, _ = socket.recv_fds(control, REQUEST_BYTES, MAX_FDS)
                    if not message:
                        return _end_all(runs)
                    numbers += 1
                    run = _start(json.loads(message), fds, numbers, config, layers, table, base_bytes, own)
                    if run is not None:
                        runs[run.number] = run
                        selector.register(run.status, selectors.EVENT_READ, run)
                        selector.register(run.pidfd, selectors.EVENT_READ, run)
                elif key.data.number in runs:
                    if key.fileobj == key.data.pidfd:
                        selector.unregister(key.data.pidfd)
                        if key.data.status.fileno() in selector.get_map():
                            selector.unregister(key.data.status)
                        _reap(runs.pop(key.data.number), layers, config["scratch"], runs)
                    elif not _obey(key.data, layers):
                        selector.unregister(key.data.status)
            now = time.monotonic()
            for run in runs.values():
                if now > run.ends_at:
                    _kill(run, layers)


def _start(
    request: dict[str, Any],
    fds: list[int],
    number: int,
    config: dict[str, Any],
    layers: Layers,
    table: dict[str, Entry],
    base_bytes: int,
    own: int,
) -> _Run | None:
    status = socket.socket(fileno=fds[0])
    try:
        if layers.namespaces:
            linux.setns(own, linux.CLONE_NEWPID)  # back to our own, or a second unshare is refused
            linux.unshare(linux.CLONE_NEWPID)
        pid = os.fork()
        if pid == 0:
            scratch = scratch_folder(layers, config["scratch"], number)
            _become(table[request["entry"]], fds[1:], request["limits"], layers, scratch, base_bytes)
        run = _Run(number, pid, status, time.monotonic() + request["seconds"] + LATE_S)
        status.send(b'{"begun": true}')
        return run
    except BrokenPipeError:  # the host is gone already; the run's time ends it
        return run
    except (OSError, KeyError) as error:
        with suppress(OSError):
            status.send(json.dumps({"failed": f"{type(error).__name__}: {error}"}).encode())
        status.close()
        return None
    finally:
        for fd in fds[1:]:
            os.close(fd)


def _become(
    entry: Entry, fds: list[int], limits: dict[str, float], layers: Layers, scratch: str, base_bytes: int
) -> NoReturn:
    """The child: arranges its descriptors, confines itself, reads what it is to do and does it."""
    code = 70
    try:
        channel_fd, *streams_and_others = fds
        order = [*streams_and_others[:3], channel_fd, *streams_and_others[3:]]
        high = [os.dup(fd) for fd in order] if min(order) < len(order) else order
        for target, fd in enumerate(high):
            os.dup2(fd, target)
        os.closerange(len(order), 1 << 16 if os.sysconf("SC_OPEN_MAX") < 0 else os.sysconf("SC_OPEN_MAX"))
        os.environ.update(HOME=scratch, TMPDIR=scratch)
        confine(limits, layers, scratch, base_bytes)
        channel = Channel(socket.socket(fileno=3), take_fds=True)
        payload = json.loads(channel.recv_bytes())
        gc.enable()
        entry(payload, channel, list(range(FIRST_FD, len(order))))
        code = 0
    except EOFError:
        code = 0
    finally:
        os._exit(code)


def _obey(run: _Run, layers: Layers) -> bool:
    """Does what the host says; False where it will say no more."""
    try:
        word = run.status.recv(1)
    except OSError:
        word = b""
    if word == b"i":
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(run.pidfd, signal.SIGINT)
        return True
    _kill(run, layers)
    return False


def _kill(run: _Run, layers: Layers) -> None:
    with suppress(ProcessLookupError):
        if not layers.namespaces:  # with them, the kernel kills all that the first process of a namespace has made
            os.killpg(run.pid, signal.SIGKILL)
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(run.pidfd, signal.SIGKILL)


def _reap(run: _Run, layers: Layers, scratch: str, others: dict[int, _Run]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        if not layers.namespaces:
            os.killpg(run.pid, signal.SIGKILL)  # the leader is a zombie still, so the number is ours
    _, status, usage = os.wait4(run.pid, 0)
    os.close(run.pidfd)
    if not layers.namespaces:
        if not layers.seccomp:
            _kill_orphans({other.pid for other in others.values()})
        shutil.rmtree(f"{scratch}/{run.number}", ignore_errors=True)
    report = {
        "exit": os.waitstatus_to_exitcode(status),
        "cpu_s": usage.ru_utime + usage.ru_stime,
    }
    with suppress(OSError):
        run.status.send(json.dumps(report).encode())
    run.status.close()


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
