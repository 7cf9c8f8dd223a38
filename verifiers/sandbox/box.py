"""The sandbox: programs and sessions, each in a fresh confined fork of one warm process."""

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from catalog.errors import UserError
from verifiers.sandbox.host import DYING_S, LEVELS, Gone, Run, Streams, Zygote, require_seconds, too_low
from verifiers.sandbox.outcome import Limits, Outcome
from verifiers.sandbox.sessions import Session, judged

INTERRUPT_S = 0.1
"""How long a program may take, once interrupted at its deadline, to say where it was. Then it is killed."""


class Sandbox:
    """Runs untrusted Python; a context manager, usable from several threads.

    `limits`: of each run. `preload`: modules imported once, for all. `entries`: functions for `start`, as
    "module:function". `at_once`: programs and cells that run at the same time; the others wait.
    `level`: what must hold at least ("limits", "filters", "namespaces"); `highest`: what is used at most.
    The warm process starts at first use, or with UserError where the machine offers less than `level`.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        preload: Sequence[str] = ("sympy", "numpy"),
        entries: Sequence[str] = (),
        at_once: int | None = None,
        level: str = "limits",
        highest: str = "namespaces",
    ) -> None:
        for name in (level, highest):
            if name not in LEVELS:
                raise UserError(f"{name!r} is no level of the sandbox: {', '.join(LEVELS)}")
        self.limits = limits or Limits()
        self._preload, self._entries = tuple(preload), tuple(entries)
        self._slots = threading.BoundedSemaphore(at_once or len(os.sched_getaffinity(0)))
        self._least, self._highest = level, highest
        self._lock = threading.Lock()
        self._zygote: Zygote | None = None

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends all that still runs. The sandbox can be used again afterwards."""
        with self._lock:
            zygote, self._zygote = self._zygote, None
        if zygote is not None:
            zygote.close()

    def zygote(self) -> Zygote:
        """Gives the warm process, started where there is none (or one of a process that forked us). Raises Gone."""
        with self._lock:
            if self._zygote is not None and (self._zygote.owner != os.getpid() or not self._zygote.alive()):
                self._zygote.close()
                self._zygote = None
            if self._zygote is None:
                zygote = Zygote(self._preload, self._entries, self._highest)
                if LEVELS.index(zygote.level) < LEVELS.index(self._least):
                    zygote.close()
                    raise too_low(zygote.level, self._least, zygote.refused.values())
                self._zygote = zygote
            return self._zygote

    def run(self, code: str, stdin: str = "", deadline_s: float = 5.0) -> Outcome:
        """Runs a program from its first line to its end in a process of its own.

        `stdin`: what it can read; `deadline_s`: seconds from the moment at which its process is there. Everything that
        the program does is told by the outcome; UserError for a machine below the level or a senseless deadline.
        """
        require_seconds(deadline_s)
        with self.slot() as queued_ms:
            streams = Streams(stdin.encode("utf-8", "surrogatepass"))
            try:
                run = self._begin("verifiers.sandbox.program:main", {"code": code}, deadline_s + 1, streams)
            except Gone as error:
                streams.close()
                return Outcome("infrastructure", "", "", str(error), queued_ms, 0.0)
            try:
                frame = run.wait(deadline_s, self.limits.output_chars * 8 + 10_000)
                late = frame is None and not run.over
                if late:
                    run.interrupt()
                    run.wait(INTERRUPT_S)
                run.end(DYING_S if frame is None and not late else 0, leaving=frame is not None)
                ms = (time.monotonic() - run.began) * 1e3
                return judged(run, frame, late, deadline_s, self.limits, queued_ms, ms)
            finally:
                run.close()

    def session(self, total_s: float = 60.0, limits: Limits | None = None) -> Session:
        """Gives an interpreter that keeps its names from cell to cell; use it in a `with` statement.

        `total_s`: seconds that all its cells together may run. Waiting sessions take no slot.
        """
        require_seconds(total_s)
        return Session(self, total_s, limits or self.limits)

    def start(
        self,
        entry: str,
        payload: dict[str, Any],
        fds: Sequence[int] = (),
        deadline_s: float = 5.0,
        stdin: bytes = b"",
        limits: Limits | None = None,
    ) -> Run:
        """Calls an entry as entry(payload, channel, fds) in a confined fork; the caller waits, and calls `end`.

        Takes no slot. `fds`: given to the child beside its channel. The payload goes straight to the child and never
        through the zygote, so that no later run can find it in memory. Raises Gone where no run can be had.
        """
        require_seconds(deadline_s)
        if entry not in self._entries:
            raise UserError(f"{entry!r} is not among the sandbox's entries: {', '.join(self._entries) or 'none'}")
        streams = Streams(stdin, fds)
        try:
            return self._begin(entry, payload, deadline_s, streams, limits)
        except Gone:
            streams.close()
            raise

    def _begin(
        self, entry: str, payload: dict[str, Any], seconds: float, streams: Streams, limits: Limits | None = None
    ) -> Run:
        """Starts a run; once more where the zygote had died since its last one."""
        try:
            return self.zygote().start(entry, payload, limits or self.limits, seconds, streams)
        except Gone:
            return self.zygote().start(entry, payload, limits or self.limits, seconds, streams)

    @contextmanager
    def slot(self) -> Iterator[float]:
        """Waits until one more may run; gives the milliseconds waited."""
        asked = time.monotonic()
        with self._slots:
            yield (time.monotonic() - asked) * 1e3
