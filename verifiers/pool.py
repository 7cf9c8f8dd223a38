"""Judges many responses: what is cheap at once, the rest in worker processes with a clock outside of them.

A worker that passes its deadline is killed and replaced, one that dies is replaced, and the number of workers stays
what it was. The clock runs from the moment at which a worker has the item, so a long queue is never a timeout. No
signals, no state of the calling thread: works from any thread. Workers start when the first item needs one.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from catalog.records import VERDICTS
from verifiers import code
from verifiers.judge import VERIFIERS, Item, check_name, essence, fast, run_program
from verifiers.verdict import Judgement
from verifiers.worker import COMMAND_BYTES, KILL, START

MEMORY_MB = 2048
"""Address space of a worker; with the algebra imported it starts at about a fifth of it."""

ITEMS_PER_WORKER = 2000
"""A worker is replaced after so many: sympy's caches only grow."""

START_S = 120.0
"""How long the first worker may take, imports included, before the machine is held to be broken."""

FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM)
"""Signals that no item brings upon its worker: the machine's memory ended, or somebody ended it."""

_ENVIRONMENT = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "HOME", "LANG", "TMPDIR")
"""What workers see of our environment: no keys, no tokens."""


class Pool:
    """A fixed number of worker processes, used as a context manager.

    `workers`: how many judge at once; `deadline_s`: seconds that one item may run in a worker; `memory_mb`: address
    space of one worker; `sandbox`: the least level at which programs run (see verifiers.sandbox).
    """

    def __init__(
        self, workers: int = 2, deadline_s: float = 5.0, memory_mb: int = MEMORY_MB, sandbox: str = code.SANDBOX
    ) -> None:
        self._sandbox = sandbox
        self._deadline_s = deadline_s
        self._memory_mb = memory_mb
        self._threads = ThreadPoolExecutor(workers, "verify")
        self._own = threading.local()
        self._lock = threading.Lock()
        self._zygote: _Zygote | None = None
        self._closed = False

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def judge_many(self, items: Sequence[Item]) -> list[Judgement]:
        """Gives a judgement for each item, in their order. Callable from several threads at once.

        Verdicts that the pool itself gives: `timeout` (past the deadline, worker killed), `memory` (past its address
        space), `crash` (the worker died of the item), `infrastructure` (no worker could be had, or it was killed from
        outside, as the kernel does where the machine's memory ends; tried twice).
        Raises UserError for an unknown verifier, before anything is judged, and for programs where the machine does
        not reach the level of the sandbox.
        """
        for name in {item.verifier for item in items}:
            check_name(name)
        answers: list[Judgement | None] = [fast(item) for item in items]
        waiting: dict[int, Future[Judgement]] = {
            i: self._threads.submit(self._judge, essence(items[i])) for i, a in enumerate(answers) if a is None
        }
        try:
            return [waiting[i].result() if a is None else a for i, a in enumerate(answers)]
        except BaseException:  # Ctrl-C: what has not begun need not
            for future in waiting.values():
                future.cancel()
            raise

    def close(self) -> None:
        """Ends all workers, those at work included; nobody can be waiting for their answers any more."""
        with self._lock:
            self._closed = True
            zygote, self._zygote = self._zygote, None
        if zygote is not None:
            zygote.close()
        self._threads.shutdown(cancel_futures=True)

    def _judge(self, item: Item) -> Judgement:
        """Runs in one of the pool's threads, each of which has a worker of its own."""
        if item.verifier == code.NAME:  # runs in the sandbox, which has its own processes and clock
            return run_program(item, self._deadline_s, self._sandbox)
        message = json.dumps([item.verifier, item.response, item.reference, item.spec]).encode()
        detail = ""
        for _ in range(2):
            try:
                worker = self._worker()
                worker.connection.send_bytes(message)
            except (OSError, EOFError, subprocess.SubprocessError) as error:
                detail = f"no worker: {error}"
                self._retire()
                continue
            judgement = self._await(worker, item)
            if judgement.verdict != "infrastructure" or self._closed:
                return judgement
            detail = judgement.detail
        return _own_judgement(item, "infrastructure", detail, 0.0)

    def _await(self, worker: "_Worker", item: Item) -> Judgement:
        started = time.perf_counter()
        try:
            if not worker.connection.poll(self._deadline_s):
                self._retire()
                return _own_judgement(item, "timeout", f"longer than {self._deadline_s:g} s", self._deadline_s * 1e3)
            judgement, last = _read_answer(worker.connection.recv_bytes(16 << 20))
        except (OSError, EOFError, ValueError):
            code = self._retire()
            ms = (time.perf_counter() - started) * 1e3
            if code is None or self._closed:
                return _own_judgement(item, "infrastructure", "the pool lost its workers", ms)
            if -code in FROM_OUTSIDE:
                return _own_judgement(item, "infrastructure", f"the worker was killed from outside ({-code})", ms)
            return _own_judgement(item, "crash", f"the worker died ({_exit_text(code)})", ms)
        if last:
            self._retire()
        return judgement

    def _worker(self) -> "_Worker":
        worker: _Worker | None = getattr(self._own, "worker", None)
        if worker is None:
            with self._lock:
                if self._closed:
                    raise OSError("the pool is closed")
                if self._zygote is None or not self._zygote.alive():
                    self._zygote = _Zygote(self._memory_mb)
                zygote = self._zygote
            worker = self._own.worker = zygote.start()
        return worker

    def _retire(self) -> int | None:
        """Ends this thread's worker; gives its exit code, None where that cannot be known."""
        worker: _Worker | None = getattr(self._own, "worker", None)
        self._own.worker = None
        if worker is None:
            return None
        worker.connection.close()
        try:
            return worker.zygote.kill(worker.pid)
        except OSError:
            return None


@dataclass(frozen=True, slots=True)
class _Worker:
    pid: int
    connection: Connection
    zygote: "_Zygote"


class _Zygote:
    """Our side of `verifiers.worker.main`. Raises OSError wherever the process is gone."""

    def __init__(self, memory_mb: int) -> None:
        self._lock = threading.Lock()
        self._control, theirs = socket.socketpair()
        self._control.settimeout(START_S)
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        arguments = [str(theirs.fileno()), str(memory_mb), str(ITEMS_PER_WORKER)]
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "verifiers.worker", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=environment | {"PYTHONHASHSEED": "0"},  # sympy orders by hash: the same verdict every time
            )

    def alive(self) -> bool:
        return self._process.poll() is None

    def start(self) -> _Worker:
        ours, theirs = socket.socketpair()
        with theirs:
            pid = self._ask(START.ljust(COMMAND_BYTES), [theirs.fileno()])
        return _Worker(pid, Connection(ours.detach()), self)

    def kill(self, pid: int) -> int:
        return self._ask(KILL + pid.to_bytes(8, "big"), [])

    def close(self) -> None:
        self._control.shutdown(socket.SHUT_RDWR)  # wakes a thread that waits for an answer
        self._control.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()  # its workers go with it
            self._process.wait()

    def _ask(self, command: bytes, fds: list[int]) -> int:
        with self._lock:
            socket.send_fds(self._control, [command], fds)
            answer = b""
            while len(answer) < 8:
                part = self._control.recv(8 - len(answer))
                if not part:
                    raise OSError("the workers' parent process has ended")
                answer += part
        return int.from_bytes(answer, "big", signed=True)


def _read_answer(message: bytes) -> tuple[Judgement, bool]:
    """Reads a worker's answer; raises ValueError where it is none."""
    try:
        fields: dict[str, Any] = json.loads(message)
        last = bool(fields.pop("last"))
        judgement = Judgement(**fields)
    except (TypeError, KeyError, AttributeError):
        raise ValueError("not a judgement") from None
    if judgement.verdict not in VERDICTS:
        raise ValueError("not a verdict")
    return judgement, last


def _own_judgement(item: Item, verdict: str, detail: str, ms: float) -> Judgement:
    verifier = VERIFIERS[item.verifier]
    return Judgement(verdict, None, detail, ms, verifier.NAME, verifier.VERSION)


def _exit_text(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
