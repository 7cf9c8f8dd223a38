"""Our side of the zygote: starting one in the best way that this machine allows, and runs in it."""

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from catalog.errors import UserError
from verifiers.sandbox import request, root
from verifiers.sandbox.channel import Channel, ready
from verifiers.sandbox.outcome import Limits
from verifiers.sandbox.reading import read
from verifiers.sandbox.root import view

LEVELS = ("limits", "filters", "namespaces")
"""From the weakest to the strongest."""

START_S = 120.0
"""How long a zygote may take to be ready, imports included, and a run to begin, on the busiest machine."""

DYING_S = 1.0
"""How long a run whose connection has broken may take to be dead, on the busiest machine."""

LEAVING_S = 0.02
"""How long a run that has given its answer may take to end by itself before it is killed: most take a twentieth."""

END_S = 10.0
"""How long the kernel may take to tear down a killed run."""

_AHEAD_BYTES = 1 << 15
"""A payload up to this size fits into the channel's buffer, where a run finds it when it comes to look."""

_SPENT = 0.9
"""Share of its processor time that a run has lived at least, by the clock, when the kernel kills it for that. The time
that the kernel reports is no measure: it kills by whole ticks, of which a process on a busy machine has but a part."""

BUILT_IN = ("verifiers.sandbox.program:main", "verifiers.sandbox.cells:main")

_START = """import sys
sys.path[:] = {modules!r}
from verifiers.heap import shared_with_forks
with shared_with_forks():
    from verifiers.sandbox.jail import main
main()
"""
_failed: dict[str, str] = {}
"""Ways that this machine refused, with the reason, so that they are tried once a process."""


class Gone(OSError):
    """The zygote or a run of it cannot be had: nothing is known of the program."""


def level_of(way: str) -> str:
    return "namespaces" if way in ("bubblewrap", "unshare") else way


def too_low(found: str, least: str, refused: Iterable[str]) -> UserError:
    """Gives the error of a machine that reaches level `found` ("" for none) where `least` is asked."""
    why = "; ".join(refused) or "a lower level was asked as the highest"
    return UserError(
        f"The sandbox reaches level {found or 'none'!r} here and {least!r} is asked ({why}): install bubblewrap, allow "
        "unprivileged user namespaces, or ask for a lower level."
    )


def ways(highest: str) -> list[str]:
    """Gives the ways to lock a zygote up on this machine, best first."""
    if sys.platform != "linux":
        return []
    found = ["bubblewrap"] if shutil.which("bwrap") else []
    found += ["unshare", "filters", "limits"]
    return [w for w in found if LEVELS.index(level_of(w)) <= LEVELS.index(highest) and w not in _failed]


class Zygote:
    """A running zygote. `refused`: why better ways than `way` were not gone."""

    def __init__(self, preload: Sequence[str], entries: Sequence[str], highest: str = "namespaces") -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.owner = os.getpid()
        self._entries = [*BUILT_IN, *entries]
        for way in ways(highest):
            try:
                self._launch(way, list(preload), self._entries)
            except Gone as error:
                self.close()
                _failed[way] = str(error)
                continue
            self.way, self.level = way, level_of(way)
            self.refused = dict(_failed)
            return
        raise Gone("no sandbox can be started: " + ("; ".join(_failed.values()) or f"{sys.platform} is not Linux"))

    def _launch(self, way: str, preload: list[str], entries: list[str]) -> None:
        seen = view()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        owner = os.pidfd_open(os.getpid())
        config: dict[str, Any] = {
            "way": way,
            "control": theirs.fileno(),
            "owner": owner,
            "preload": preload,
            "entries": entries,
            "readable": seen.readable,
            "modules": seen.modules,
            "moved": level_of(way) == "namespaces",
            "scratch": "/",
        }
        if level_of(way) != "namespaces":
            self._folder = tempfile.TemporaryDirectory(prefix="reasonmill-", ignore_cleanup_errors=True)
            os.chmod(self._folder.name, 0o733)  # the zygote may be of another user; names in it are numbers
            config["scratch"] = self._folder.name
        python = os.path.realpath(sys._base_executable)  # type: ignore[attr-defined]
        modules = [*map(root.inside, seen.modules)] if way == "bubblewrap" else seen.modules
        command = [python, "-s", "-S", "-P", "-B", "-X", "utf8", "-c", _START.format(modules=modules)]
        if way == "bubblewrap":
            command = root.bubblewrap(shutil.which("bwrap") or "bwrap", seen.readable) + command
        environment = {"PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        if "LD_LIBRARY_PATH" in os.environ:
            environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
        with theirs:
            self._process = subprocess.Popen(
                [*command, json.dumps(config)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno(), owner],
                env=environment,
                cwd="/",
                start_new_session=True,
            )
        os.close(owner)
        self._control.settimeout(START_S)
        try:
            told = json.loads(self._control.recv(1 << 16) or b'{"failed": "ended at once"}')
        except OSError as error:
            raise Gone(f"{way}: {error}") from None
        if "failed" in told:
            raise Gone(told["failed"])
        if "absent" in told:
            self.close()
            raise UserError(f"The sandbox cannot import what it should have ready: {told['absent']}.")
        self.landlock = bool(told["landlock"])

    def alive(self) -> bool:
        return self._process.poll() is None

    def start(self, entry: str, payload: dict[str, Any], limits: Limits, seconds: float, streams: "Streams") -> "Run":
        """Starts a run that lives `seconds` at most; raises Gone."""
        channel, their_channel = socket.socketpair()
        status, their_status = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        run = Run(Channel(channel), status, seconds, streams)
        message = json.dumps(payload).encode()
        ahead = len(message) <= _AHEAD_BYTES
        try:
            if ahead:
                run.send_bytes(message)
            with their_channel, their_status:
                fds = [their_status.fileno(), *streams.fds(), their_channel.fileno(), *streams.others]
                asked = request.written(self._entries.index(entry), seconds, limits)
                socket.send_fds(self._control, [asked], fds)
            status.settimeout(START_S)
            told = json.loads(status.recv(1 << 16) or b'{"failed": "the zygote has ended"}')
        except OSError as error:
            run.close()
            raise Gone(f"no run could be started: {error}") from None
        if "failed" in told:
            run.close()
            raise Gone(f"no run could be started: {told['failed']}")
        run.begin(None if ahead else message)
        return run

    def close(self) -> None:
        """Ends the zygote and all its runs."""
        if getattr(self, "_process", None) is not None and self.owner == os.getpid():
            self._control.close()
            try:
                self._process.wait(END_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._folder is not None:
            self._folder.cleanup()


class Streams:
    """The files that a run has as stdin, stdout and stderr, and the descriptors it gets besides."""

    def __init__(self, stdin: bytes = b"", others: Sequence[int] = ()) -> None:
        self.stdin = _memory(stdin) if stdin else os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        self.out, self.err = _memory(), _memory()
        self.others = list(others)

    def fds(self) -> list[int]:
        return [self.stdin, self.out, self.err]

    def close(self) -> None:
        for fd in (self.stdin, self.out, self.err):
            os.close(fd)


def _memory(content: bytes = b"") -> int:
    fd = os.memfd_create("stream", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    if content:
        with open(fd, "wb", closefd=False) as file:
            file.write(content)
        os.lseek(fd, 0, os.SEEK_SET)
    return fd


class Run:
    """One started run. Use `end` in every case: it kills what is left and frees what the run held here."""

    over = False
    """Whether it has ended, or sent what is no frame."""

    def __init__(self, channel: Channel, status: socket.socket, seconds: float, streams: Streams) -> None:
        self._channel, self._status, self._streams = channel, status, streams
        self._lock = threading.Lock()
        self._seconds = seconds
        self.report: dict[str, Any] | None = None
        self.ended = False
        self.began = 0.0
        self._lived = 0.0

    def begin(self, message: bytes | None) -> None:
        self.began = time.monotonic()
        if message is not None:
            with suppress(OSError):  # it has died already: whoever waits will see
                self.send_bytes(message)

    def send_bytes(self, data: bytes, fds: tuple[int, ...] = ()) -> None:
        """Sends the entry a frame; OSError where it is gone or does not read before its time is over."""
        self._channel.send_bytes(data, fds, until=self.began + self._seconds)

    def wait(self, seconds: float, limit: int = 1 << 20) -> bytes | None:
        """Gives the next frame that the entry sent. None: not in time, past the run's own, or it has ended.

        A frame longer than `limit` bytes ends the run. `over` tells an end from a wait in vain.
        """
        until = min(time.monotonic() + seconds, self.began + self._seconds)
        try:
            return self._channel.receive(until, limit)
        except (EOFError, OSError, ValueError):
            self.over = True
            return None

    def interrupt(self) -> None:
        """Sends KeyboardInterrupt."""
        with suppress(OSError):
            self._status.send(b"i")

    def end(self, patience_s: float = 0.0, leaving: bool = False) -> int | None:
        """Kills the whole tree and waits until it is gone. Gives the exit status, negative for a signal; None where
        the zygote was lost. Calling it again gives the same. `patience_s`: how long one that may be dying has to close
        its channel; then it is let die, so that `spent` and `struck` can tell what of. `leaving`: whether it is at its
        end anyway, and need not be killed unless it lingers.
        """
        with self._lock:
            if not self.ended:
                self.ended = True
                dying = patience_s > 0 and self._channel.closed(patience_s)
                self._lived = time.monotonic() - self.began
                if not (leaving and ready(self._status, select.POLLIN, time.monotonic() + LEAVING_S)):
                    with suppress(OSError):
                        self._status.send(b"d" if dying else b"k")
                with suppress(OSError, ValueError):
                    if ready(self._status, select.POLLIN, time.monotonic() + END_S):
                        self.report = json.loads(self._last_word())
                self._channel.close()
                self._status.close()
        return None if self.report is None else int(self.report["exit"])

    def _last_word(self) -> bytes:
        try:
            return self._status.recv(1 << 12)
        except ConnectionResetError:  # our word crossed the zygote's; its own is in the queue all the same
            return self._status.recv(1 << 12)

    def spent(self, limits: Limits) -> bool:
        """Whether the kernel killed it for its processor time. After `end` with patience."""
        return self._killed_by_others() and self._lived >= limits.cpu_s * _SPENT

    def struck(self, limits: Limits) -> bool:
        """Whether something else than we and its processor time killed it: the kernel, where the machine's memory ends,
        or a person. Nothing is known of the program then. After `end` with patience.
        """
        return self._killed_by_others() and not self.spent(limits)

    def _killed_by_others(self) -> bool:
        return self.end() == -signal.SIGKILL and self.report is not None and not self.report["killed"]

    def output(self, limits: Limits) -> tuple[str, str, bool]:
        """Gives stdout and stderr, shortened, and whether one of them ran full. After `end`."""
        (out, full), (err, also) = read(self._streams.out, limits), read(self._streams.err, limits)
        return out, err, full or also

    def close(self) -> None:
        self.end()
        self._streams.close()


def require_seconds(seconds: float) -> None:
    if not 0 < seconds < 1e6:
        raise UserError(f"a deadline of {seconds!r} seconds: give a number above 0")
