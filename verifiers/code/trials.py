"""Processes that run tests: one is started where none is idle, and kept while what it ran cannot have changed it."""

import os
import threading
import time
from collections.abc import Sequence

from verifiers.sandbox import Limits, Run, Sandbox

ENTRY = "verifiers.code.trial:main"
LIFE_S = 300.0
MAX_TRIALS = 500
"""A process is replaced after so long, or so many programs."""

LIMITS = Limits(memory_mb=1024, cpu_s=3600)
_LAST_S = 1500.0
"""A run in it may take so long beyond."""


class Trials:
    """The idle ones of this process, for all threads. `take` one, and `keep` it or let it end."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._lock = threading.Lock()
        self._idle: list[tuple[Run, int]] = []
        self._owner = os.getpid()

    def take(self, order: bytes, fds: Sequence[int]) -> tuple[Run, int]:
        """Gives a process that has begun on `order`, and how many programs it had before. Raises Gone."""
        while found := self._next():
            run, count = found
            try:
                run.send_bytes(order, tuple(fds))
                return run, count
            except OSError:
                run.close()
        run = self._sandbox.start(ENTRY, {}, (), LIFE_S + _LAST_S, limits=LIMITS)
        run.send_bytes(order, tuple(fds))
        return run, 0

    def keep(self, run: Run, count: int) -> None:
        """Takes a process back; ends it where its time has come."""
        if count < MAX_TRIALS and time.monotonic() - run.began < LIFE_S:
            with self._lock:
                self._idle.append((run, count + 1))
        else:
            run.close()

    def close(self) -> None:
        """Ends the idle ones."""
        while found := self._next():
            found[0].close()

    def _next(self) -> tuple[Run, int] | None:
        with self._lock:
            if self._owner != os.getpid():  # a fork of ours: they are our parent's
                self._owner, self._idle = os.getpid(), []
            return self._idle.pop() if self._idle else None
