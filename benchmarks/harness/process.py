"""Running a command and measuring it from outside: wall time, CPU time, peak memory, what else kept the cores busy."""

import itertools
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from harness import machine

PACE_S = 0.05
"""How often memory is looked at. The kernel keeps the peak of a process itself, so only its last moments are missed."""

CHILDREN_EVERY = 10
"""Children are looked at once in so many times: finding them costs milliseconds."""


@dataclass(frozen=True)
class Ran:
    """One run of a command."""

    output: str
    seconds: float
    cpu_s: float
    """Of the command and its children."""
    peak_mb: float
    """Of the process itself: its VmHWM."""
    children_peak_mb: float
    """Largest sum of the resident memory of all processes under it; pages they share count more than once."""
    load_before: float
    """Load average of the last minute before the start."""
    core_ms: float
    """CPU time of a fixed loop before the start."""
    foreign_cores: float
    """Cores kept busy meanwhile by what is neither the command nor among `others`."""


class FailedError(Exception):
    """The command ended with another exit code than 0."""


def run(
    command: Sequence[str], *, env: Mapping[str, str] | None = None, timeout_s: float, others: Sequence[int] = ()
) -> Ran:
    """Runs a command to its end. `others`: processes that work for it, whose CPU time is not foreign.

    Raises FailedError, with the end of what the command wrote to stderr.
    """
    load, core_ms = machine.load(), machine.core_ms()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        busy, theirs, started = machine.busy_s(), cpu_s(others), time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=env)
        peak = children = 0.0
        for look in itertools.count():
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if time.perf_counter() - started > timeout_s:
                process.kill()
            peak = max(peak, _peak_mb(process.pid))
            if look % CHILDREN_EVERY == 0:
                children = max(children, _children_mb(process.pid))
            time.sleep(PACE_S)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        own = usage.ru_utime + usage.ru_stime
        foreign = (machine.busy_s() - busy - own - (cpu_s(others) - theirs)) / seconds
        out.seek(0)
        err.seek(0)
        if process.returncode:
            tail = err.read()[-3000:].decode("utf-8", "replace")
            raise FailedError(f"{Path(command[0]).name} ended with {process.returncode}:\n{tail}")
        output = out.read().decode("utf-8", "replace")
    return Ran(output, seconds, own, peak, children, load, core_ms, round(max(foreign, 0.0), 2))


@contextmanager
def server(command: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Keeps a server running that prints its port; gives its port and process id."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline()), process.pid
    finally:
        process.terminate()
        process.wait()


def _peak_mb(pid: int) -> float:
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0.0


def _children_mb(pid: int) -> float:
    total = 0
    try:
        for child in psutil.Process(pid).children(recursive=True):
            try:
                total += child.memory_info().rss
            except psutil.Error:
                pass
    except psutil.Error:
        pass
    return total / 2**20


def cpu_s(pids: Sequence[int]) -> float:
    """Gives the CPU seconds that these processes have used."""
    return sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids)
