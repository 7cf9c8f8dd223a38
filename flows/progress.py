"""The live display of a build on stderr: rate, cost so far, time left; plain lines where stderr is no terminal."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from generators.meter import Meter

_LINE_EVERY_S = 15.0
"""Pace of the plain lines: a log of an hour stays readable."""

_REDRAW_S = 0.2
"""Pace of the display: a build may settle thousands of samples a second."""


class Progress:
    """Samples done of those wanted, tokens a second, money so far. `advance` may be called from any thread."""

    def __init__(self, total: int, show: Callable[[str, int, int], None]) -> None:
        self.total = total
        self.done = 0
        self.tokens = 0
        self.meter: Meter | None = None
        self._show = show
        self._started = time.monotonic()
        self._next = 0.0
        self._lock = threading.Lock()

    def advance(self, samples: int, tokens: int) -> None:
        """Counts samples that are settled and the completion tokens that were newly made for them."""
        with self._lock:
            self.done += samples
            self.tokens += tokens
            now = time.monotonic()
            if now >= self._next or (samples and self.done >= self.total):
                self._next = now + _REDRAW_S
                self._show(self._status(), self.done, self.total)

    def expect(self, more: int) -> None:
        """Adds to what is wanted: revisions are known once samples are verified."""
        with self._lock:
            self.total += more

    def _status(self) -> str:
        elapsed = max(time.monotonic() - self._started, 1e-6)
        status = f"{self.tokens / elapsed:,.0f} tokens/s"
        if self.meter is not None and self.meter.money:
            status += f", cost {self.meter.money:.4f}"
        if self.tokens and 0 < self.done < self.total:
            status += f", {(self.total - self.done) * elapsed / self.done:,.0f} s left"
        return status


@contextmanager
def shown(total: int, label: str) -> Iterator[Progress]:
    """Shows the progress of `total` samples while the block runs."""
    if not sys.stderr.isatty():
        yield Progress(total, _lines(label))
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    with Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[status]}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        refresh_per_second=4,
    ) as bar:
        row = bar.add_task(label, total=total, status="")
        yield Progress(total, lambda status, done, total: bar.update(row, completed=done, status=status))


def _lines(label: str) -> Callable[[str, int, int], None]:
    last = [0.0]

    def show(status: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now - last[0] >= _LINE_EVERY_S or done == total:
            last[0] = now
            print(f"{label}: {done:,}/{total:,} ({status})", file=sys.stderr, flush=True)

    return show
