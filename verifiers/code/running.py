"""Our side: starts the candidate and its tests, watches the clock, and makes a verdict of the reports.

Candidates and tests are forked from two different warm processes. What the tests report is data too.
"""

import atexit
import os
import socket
import threading
import time
from typing import Any

from verifiers.code import stdio
from verifiers.code.program import completed, other_language
from verifiers.code.spec import Spec
from verifiers.code.trials import ENTRY, Trials
from verifiers.code.values import Garbage, NotPlain, dump, load
from verifiers.sandbox import Limits, Run, Sandbox
from verifiers.sandbox.host import DYING_S

Verdict = tuple[str, str]
"""Verdict and its reason."""

CANDIDATE = "verifiers.code.candidate:main"
MODULES = ("collections", "datetime", "heapq", "itertools", "math", "random", "re", "string", "typing")
"""Imported once for all programs: most of them ask for these."""

MAX_TOTAL_S = 600.0
MARGIN = 4.0
"""Where the machine was busy and a program had less than its core, it gets so many times the deadline by the clock, and
as much of the processor as before."""

OWN_CORE = 0.9
TRIES = 2
_OVERDUE_S = 0.1
"""How long a report may wait in the tests' process for others to go with it, and some."""

_GONE = "the program ended its process"
_SYNTAX = "the program does not compile"

_candidates = Sandbox(preload=MODULES, entries=[CANDIDATE])
_judges = Sandbox(preload=(), entries=[ENTRY])
_trials = Trials(_judges)
_slots = threading.BoundedSemaphore(len(os.sched_getaffinity(0)))
for _sandbox in (_candidates, _judges):
    atexit.register(_sandbox.close)


def judge(program: str, spec: Spec, deadline_s: float) -> Verdict:
    """Runs a program against its tests. Waiting for a turn is no part of the deadline; lost runs are tried again."""
    text = completed(program, spec.prompt, spec.entry_point)
    verdict: Verdict = "infrastructure", ""
    for _ in range(TRIES):
        with _slots:
            verdict, share = _run(text, spec, deadline_s, 1.0)
            if verdict[0] == "timeout" and share < OWN_CORE and _busy():
                verdict, _ = _run(text, spec, deadline_s, MARGIN)
        if verdict[0] != "infrastructure":
            break
    if verdict[0] == "wrong" and verdict[1].startswith((_SYNTAX, stdio.SYNTAX)):
        if language := other_language(program):
            return "unparsable", f"the program is not Python but looks like {language}"
        if program.lstrip("\n")[:1] in " \t" and not spec.prompt:
            return "unparsable", "the code is a function's body alone, and the spec has no prompt that it continues"
    return verdict


def _busy() -> bool:
    return os.getloadavg()[0] > len(os.sched_getaffinity(0)) / 2


def _run(program: str, spec: Spec, deadline_s: float, margin: float) -> tuple[Verdict, float]:
    """Gives the verdict, and the share of a core that the program had, 0 where it is not known."""
    if spec.kind == "stdio":
        return stdio.judge(_candidates, program, spec, deadline_s * margin), 0.0
    each = spec.seconds
    total_s = deadline_s if each is None else min(each * len(spec.tests) + deadline_s, MAX_TOTAL_S)
    limits = Limits(memory_mb=spec.memory_mb, cpu_s=total_s + 1)
    order = {
        "kind": spec.kind,
        "setup": spec.setup,
        "prompt": spec.prompt,
        "tests": spec.tests,
        "entry_point": spec.entry_point,
        "classes": spec.classes,
        "program": program,
    }
    reports = _Reports()
    candidate: Run | None = None
    trial: Run | None = None
    try:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            trial, count = _trials.take(dump(order), [ours.fileno()])  # it reads the tests while the program's is made
            candidate = _candidates.start(CANDIDATE, {}, [theirs.fileno()], total_s * margin + 2, limits=limits)
        last = _follow(trial, reports, total_s * margin, each and each * margin)
        dying = _GONE in f"{reports.first} {last}"
        code = candidate.end(DYING_S if dying else 0.0, leaving=last is not None)
        if last is not None and last[:1] == [True]:
            _trials.keep(trial, count)
            trial = None
        cpu_s = float((candidate.report or {}).get("cpu_s", 0.0))
        if candidate.spent(limits):
            last = None
        elif candidate.struck(limits):
            return ("infrastructure", "the program was killed from outside"), 0.0
        return _verdict(last, reports, code, each or total_s), cpu_s / total_s
    except NotPlain:
        return ("bad_reference", "the tests and the program are too long"), 1.0
    except OSError as error:  # sandbox.Gone too
        return ("infrastructure", str(error)), 0.0
    finally:
        for run in (candidate, trial):
            if run is not None:
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
    """Reads reports until the last one: whether the tests' process goes on, and how it went. None past the time."""
    until = time.monotonic() + total_s
    while True:
        now = time.monotonic()
        frame = trial.wait(min(until - now, (each_s or total_s) + _OVERDUE_S))
        if frame is None:
            return [False, "ended"] if trial.over else None
        try:
            report = load(frame)
        except Garbage:
            report = None
        match report:
            case [("tests" | "last") as kind, [*tests], *rest]:
                for why in tests:
                    reports.add(why)
                if kind == "last":
                    return rest
            case _:
                return [False, "ended"]


def _verdict(last: list[Any] | None, reports: _Reports, code: int | None, limit_s: float) -> Verdict:
    match last if last is None else last[1:]:
        case None:
            failed = reports.first and _GONE not in reports.first and "MemoryError" not in reports.first
            late = reports.line(f"test {reports.done + 1} ran longer than {limit_s:g} s")
            return "wrong" if failed else "timeout", late
        case ["bad", why]:
            return "bad_reference", why
        case ["syntax", text, line]:
            return "wrong", f"{_SYNTAX}, in line {line}: {text}"
        case ["failed", "MemoryError", _, line]:
            return "memory", f"out of memory in line {line}, before the first test"
        case ["failed", name, text, line]:
            return "wrong", f"the program fails before the first test, in line {line}: {name}: {text}"
        case ["lost", why]:
            return _of_the_dead(code, f"{why}, before the first test", why)
        case ["end", memory]:
            if not reports.first:
                return "correct", reports.line()
            if memory:
                return "memory", reports.line()
            return _of_the_dead(code, reports.line(), reports.first)
    return "infrastructure", "the tests' process ended"


def _of_the_dead(code: int | None, detail: str, why: str) -> Verdict:
    """A program that ends itself is wrong; a fault's is a crash; one that we had to end had closed its channel."""
    if _GONE not in why or code is None or code >= 0:
        return "wrong", detail
    return ("wrong" if code == -9 else "crash"), f"{detail} (signal {-code})"
