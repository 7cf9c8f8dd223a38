"""What a run may use, and what is known of it afterwards."""

import math
from dataclasses import dataclass, fields

from catalog.errors import UserError

STATUSES = ("ok", "exception", "timeout", "memory", "crash", "output", "infrastructure")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run, or one session with all its cells, may use."""

    memory_mb: int = 512
    """Address space above what the imported modules take."""
    cpu_s: float = 60
    """Seconds of processor time, all threads together."""
    file_mb: int = 16
    """Size of one file; the hard end of stdout and of stderr too."""
    scratch_mb: int = 32
    """Size of the private temporary folder, where namespaces hold."""
    output_chars: int = 100_000
    """Characters of stdout and of stderr that are given back: head and tail, the middle is named."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (isinstance(value, int | float) and math.isfinite(value) and value > 0):
                raise UserError(f"sandbox limit {field.name} is {value!r}: give a number above 0")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended."""

    status: str
    """ok; exception (error tells which); timeout; memory (out of it); crash (it died, or ended itself before its end);
    output (a stream passed file_mb); infrastructure (the sandbox failed, nothing is known of the program)."""
    stdout: str
    stderr: str
    """Contains the traceback of an exception, cut to the program's own frames."""
    error: str | None
    """One line: "ZeroDivisionError: division by zero", "signal 11", ..."""
    queued_ms: float
    """Waited for a free slot; no part of any deadline."""
    ms: float
    """Ran, from the moment at which the process was there."""
    value: str | None = None
    """repr of a cell's last expression (sessions only)."""
    lost_state: bool = False
    """Sessions only: the names of earlier cells are gone, because the cell before this one had to be killed."""


def shortened(text: str, limit: int) -> str:
    """Keeps the head and the tail of a text and says between them how much is left out."""
    if len(text) <= limit:
        return text
    head = limit * 2 // 3
    tail = limit - head
    return f"{text[:head]}\n[... {len(text) - limit} characters left out ...]\n{text[len(text) - tail :]}"
