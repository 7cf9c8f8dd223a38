"""Sessions, and how the end of a run or cell is judged from outside."""

import fcntl
import json
import os
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from verifiers.sandbox.host import DYING_S, Gone, Run, Streams, require_seconds
from verifiers.sandbox.outcome import STATUSES, Limits, Outcome

if TYPE_CHECKING:
    from verifiers.sandbox.box import Sandbox

GRACE_S = 1.0
"""How long a cell may take to end once interrupted; it keeps the session's names. Then the process is killed."""

_SEALS = fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
_ERROR_CHARS = 1000


class Session:
    """An interpreter that keeps its names from cell to cell. See Sandbox.session."""

    def __init__(self, sandbox: "Sandbox", total_s: float, limits: Limits) -> None:
        self._sandbox, self._total_s, self._limits = sandbox, total_s, limits
        self._lock = threading.Lock()
        self._run: Run | None = None
        self._spent_s = 0.0
        self._cells = 0
        self._lost = False

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            self._drop()

    def run(self, code: str, deadline_s: float = 5.0) -> Outcome:
        """Runs a cell. One past its deadline is interrupted, and killed where that does not help; only then are the
        names lost, and the next outcome says so (`lost_state`).
        """
        require_seconds(deadline_s)
        with self._lock, self._sandbox.slot() as queued_ms:
            left = self._total_s - self._spent_s
            if left <= 0:
                return Outcome("timeout", "", "", f"the session's {self._total_s:g} s are spent", queued_ms, 0.0)
            lost, self._lost = self._lost, False
            streams = Streams()
            try:
                return self._cell(code, min(deadline_s, left), streams, queued_ms, lost)
            except Gone as error:
                self._drop()
                return Outcome("infrastructure", "", "", str(error), queued_ms, 0.0, None, lost)
            finally:
                _seal(streams)
                streams.close()

    def _cell(self, code: str, seconds: float, streams: Streams, queued_ms: float, lost: bool) -> Outcome:
        if self._run is None:
            idle = Streams()
            try:
                self._run = self._sandbox._begin("verifiers.sandbox.cells:main", {}, 1e6, idle, self._limits)
            finally:
                idle.close()
        run = self._run
        self._cells += 1
        began = time.monotonic()
        with suppress(OSError):
            message = json.dumps({"cell": self._cells, "code": code}).encode()
            run.send_bytes(message, (streams.out, streams.err))
        run._streams = streams
        frame = self._answer(run, began + seconds)
        late = frame is None and not run.over
        if late:
            run.interrupt()
            if self._answer(run, time.monotonic() + GRACE_S) is None:
                run.over = True
        if run.over:
            run.end(0 if late else DYING_S)
            self._run, self._lost = None, True
        ms = (time.monotonic() - began) * 1e3
        self._spent_s += ms / 1e3
        return judged(run, frame, late, seconds, self._limits, queued_ms, ms, lost)

    def _answer(self, run: Run, until: float) -> bytes | None:
        """Waits for the answer to this cell; passes over frames that a thread of an earlier cell sent."""
        while (frame := run.wait(until - time.monotonic(), self._limits.output_chars * 8 + 10_000)) is not None:
            if _fields(frame).get("cell") == self._cells:
                return frame
            if time.monotonic() > until:
                return None
        return None

    def _drop(self) -> None:
        if self._run is not None:
            self._run.end()
            self._run = None


def judged(
    run: Run,
    frame: bytes | None,
    late: bool,
    seconds: float,
    limits: Limits,
    queued_ms: float,
    ms: float,
    lost: bool = False,
) -> Outcome:
    """Gives the outcome. What the child says (`frame`) is data from a process that may be hostile."""
    out, err, full = run.output(limits)

    def outcome(status: str, error: str | None, value: str | None = None) -> Outcome:
        return Outcome(status, out, err, error, queued_ms, ms, value, lost)

    if late:
        return outcome("timeout", f"longer than {seconds:g} s")
    if full:
        return outcome("output", f"more than {limits.file_mb:g} MB of output")
    if frame is not None:
        fields = _fields(frame)
        status, error, value = fields.get("status"), fields.get("error"), fields.get("value")
        if status in STATUSES and status != "infrastructure":
            return outcome(
                str(status),
                error[:_ERROR_CHARS] if isinstance(error, str) else None,
                value[: limits.output_chars] if isinstance(value, str) else None,
            )
        return outcome("crash", "it answered what is no answer")
    code = run.end()
    if code is None:
        return outcome("infrastructure", "the sandbox's own process ended")
    if run.spent(limits):
        return outcome("timeout", f"more than {limits.cpu_s:g} s of processor time")
    if run.struck(limits):
        return outcome("infrastructure", "killed from outside, as the kernel does where the machine's memory ends")
    return outcome("crash", f"signal {-code}" if code < 0 else f"ended itself with exit code {code} before its end")


def _fields(frame: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(frame)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _seal(streams: Streams) -> None:
    """Empties the cell's files for good: a session that keeps them open must not hoard memory in them."""
    for fd in (streams.out, streams.err):
        with suppress(OSError):
            os.ftruncate(fd, 0)
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
