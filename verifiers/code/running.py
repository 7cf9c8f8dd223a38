"""Our side: starts the candidate and its tests, watches the clock, and makes a verdict of the reports.

Candidates and tests are forked from two different warm processes. What the tests report is data too.
"""

import atexit
import functools
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from verifiers.code import stdio
from verifiers.code.program import completed, other_language
from verifiers.code.spec import Spec
from verifiers.code.values import Garbage, load
from verifiers.sandbox import Gone, Limits, Run, Sandbox

Verdict = tuple[str, str]
"""Verdict and its reason."""

CANDIDATE, TRIAL = "verifiers.code.candidate:main", "verifiers.code.trial:main"
MODULES = ("collections", "datetime", "heapq", "itertools", "math", "random", "re", "string", "typing")
"""Imported once for all programs: most of them ask for these."""

MAX_TOTAL_S = 600.0
MARGIN = 4.0
"""A program that was too slow by the clock, but had little of the processor, gets so many times the deadline."""

STARVED = 0.5
"""Share of the deadline that it must have computed, or else the machine may be to blame."""

TRIES = 2
_GONE = "the program ended its process"


@functools.cache
def _sandboxes() -> tuple[Sandbox, Sandbox]:
    """The one that forks candidates and the one that forks tests, shared by this process."""
    found = Sandbox(preload=MODULES, entries=[CANDIDATE]), Sandbox(preload=(), entries=[TRIAL])
    for sandbox in found:
        atexit.register(sandbox.close)
    return found


_slots = threading.BoundedSemaphore(len(os.sched_getaffinity(0)))


def judge(program: str, spec: Spec, deadline_s: float) -> Verdict:
    """Runs a program against its tests. Waiting for a turn is no part of the deadline; lost runs are tried again."""
    text = completed(program, spec.prompt, spec.entry_point)
    run: Callable[[float], tuple[Verdict, float]]
    if spec.kind == "stdio":
        run = functools.partial(stdio.judge, _sandboxes()[0], text, spec)
    else:
        run = functools.partial(_judge, text, spec)
    verdict: Verdict = "infrastructure", ""
    for _ in range(TRIES):
        with _slots:
            verdict, cpu_s = run(deadline_s)
            if verdict[0] == "timeout" and cpu_s < STARVED * deadline_s and _busy():
                verdict, _ = run(deadline_s * MARGIN)
        if verdict[0] != "infrastructure":
            break
    if verdict[0] == "wrong" and ("SyntaxError" in verdict[1] or "IndentationError" in verdict[1]):
        if language := other_language(program):
            return "unparsable", f"the program is not Python but looks like {language}"
        if program.lstrip("\n")[:1] in " \t" and not spec.prompt:
            return "unparsable", "the code is a function's body alone, and the spec has no prompt that it continues"
    return verdict


def _busy() -> bool:
    return os.getloadavg()[0] > len(os.sched_getaffinity(0)) / 2


def _judge(program: str, spec: Spec, deadline_s: float) -> tuple[Verdict, float]:
    """Gives the verdict, and the seconds of processor time that the two processes had."""
    each = spec.seconds
    total_s = deadline_s if each is None else min(each * max(1, len(spec.tests)) + deadline_s, MAX_TOTAL_S)
    limits = Limits(memory_mb=spec.memory_mb, cpu_s=total_s + 1)
    candidates, trials = _sandboxes()
    ours, theirs = socket.socketpair()
    order = {
        "kind": spec.kind,
        "setup": spec.setup,
        "prompt": spec.prompt,
        "tests": spec.tests,
        "entry_point": spec.entry_point,
        "classes": spec.classes,
        "program": program,
    }
    runs: list[Run] = []
    try:
        with ours, theirs:
            runs.append(candidates.start(CANDIDATE, {}, [theirs.fileno()], total_s + 2, limits=limits))
            runs.append(trials.start(TRIAL, order, [ours.fileno()], total_s + 2, limits=limits))
        reports = _Reports()
        last = _follow(runs[1], reports, total_s, each)
        exits = [run.end() for run in runs]
        cpu_s = sum(float((run.report or {}).get("cpu_s", 0.0)) for run in runs)
        return _verdict(last, reports, exits, total_s if each is None else each), cpu_s
    except Gone as error:
        return ("infrastructure", str(error)), 0.0
    finally:
        for run in runs:
            run.close()


class _Reports:
    """What the tests have said so far."""

    def __init__(self) -> None:
        self.done = self.passed = 0
        self.first = ""

    def add(self, why: str | None) -> None:
        self.done += 1
        self.passed += why is None
        if why is not None and not self.first:
            self.first = f"test {self.done}: {why}"

    def line(self, rest: str = "") -> str:
        parts = [f"{self.passed} of {self.done} tests pass", f"first failure: {self.first}" if self.first else "", rest]
        return "; ".join(part for part in parts if part)


def _follow(trial: Run, reports: _Reports, total_s: float, each_s: float | None) -> list[Any] | None:
    """Reads reports until the last one, None past the time, ["ended"] where the tests' process is gone."""
    until = trial.began + total_s
    while True:
        now = time.monotonic()
        frame = trial.wait(min(until - now, each_s or total_s))
        if frame is None:
            return ["ended"] if trial.over else None
        try:
            report = load(frame)
        except Garbage:
            return ["ended"]
        if report[0] != "test":
            return report
        reports.add(report[2])


def _verdict(last: list[Any] | None, reports: _Reports, exits: list[int | None], limit_s: float) -> Verdict:
    match last:
        case None:
            return "timeout", reports.line(f"test {reports.done + 1} ran longer than {limit_s:g} s")
        case ["bad", why]:
            return "bad_reference", why
        case ["syntax", text, line]:
            return "wrong", f"the program does not compile, in line {line}: {text}"
        case ["failed", "MemoryError", _, line]:
            return "memory", f"out of memory in line {line}, before the first test"
        case ["failed", name, text, line]:
            return "wrong", f"the program fails before the first test, in line {line}: {name}: {text}"
        case ["lost", why]:
            return _of_the_dead(exits[0], f"{why}, before the first test", why)
        case ["end", memory]:
            if not reports.first:
                return "correct", reports.line()
            if memory:
                return "memory", reports.line()
            return _of_the_dead(exits[0], reports.line(), reports.first)
    return "infrastructure", f"the tests' process ended (exit status {exits[1]})"


def _of_the_dead(code: int | None, detail: str, why: str) -> Verdict:
    """A program that ends itself is wrong; one that a fault ends has crashed; one that the kernel ends ran too long."""
    if _GONE not in why or code is None or code >= 0:
        return "wrong", detail
    if code == -24:
        return "timeout", f"{detail} (out of processor time)"
    return ("wrong" if code == -9 else "crash"), f"{detail} (signal {-code})"
