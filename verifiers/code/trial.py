"""The tests' process: runs setup and assertions against the candidate across the channel, and reports on each.

Runs inside the sandbox too. The tests come straight from our process and pass through none that forks candidates.
Reports: `["tests", [why, ...]]`, one for each test that has run since the last (null where it passed); in the end
`["last", [why, ...], whether it goes on, ...]`.
"""

import builtins
import random
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from verifiers.code.far import Far
from verifiers.code.proxies import Odd
from verifiers.code.texts import CASE, Text, Unrunnable, read
from verifiers.code.values import dump, load
from verifiers.code.wire import Wire

_BUILTINS = set(dir(builtins))
_SHOWN = 200
_TOLD_S, _TOGETHER = 0.05, 100
"""Seconds after which, and tests after which, a report on what has run is overdue."""


class Control(Protocol):
    """Our process: orders come from it, each with the candidate's socket; reports go to it."""

    def recv_bytes(self) -> bytes: ...
    def received_fds(self) -> list[int]: ...
    def send_bytes(self, data: bytes) -> None: ...


def main(payload: dict[str, Any], control: Control, fds: Sequence[int]) -> None:
    """Carries out one order after the other, until one may have changed this process."""
    while True:
        order = load(control.recv_bytes())
        with Wire(control.received_fds()[0]) as wire:
            trial = _Trial(control, wire, order["classes"])
            try:
                report = trial.run(order)
            except Unrunnable as error:
                report = ["bad", str(error)[:500]]
            except Odd:
                report = ["lost", trial.far.fault]
        control.send_bytes(dump(["last", trial.unsaid, trial.clean, *report]))
        if not trial.clean:
            return


class _Trial:
    def __init__(self, reports: Control, wire: Wire, classes: Sequence[str]) -> None:
        self.far = Far(wire, classes, self._tell)
        self.unsaid: list[str | None] = []
        self._told = time.monotonic()
        self._reports = reports
        self._done = self._failed = 0
        self._space: dict[str, Any] = {"__name__": "tests", CASE: self._case}
        self._missing: set[str] = set()
        self._theirs: set[str] = set()
        self._defined: list[str] = []
        self._grown = False
        self.clean = False

    def run(self, order: dict[str, Any]) -> list[Any]:
        """Gives the last report; raises Unrunnable, and Odd where the candidate is lost before the first test."""
        texts = _texts(order)
        self.clean = not order["prompt"] and all(text.harmless for text in texts)
        entry = [order["entry_point"]] if order["kind"] == "check" else []
        random.seed(0)  # tests that draw at random draw the same every time
        wanted = self._wanted(texts, entry, order["prompt"])
        loaded = self.far.load(order["program"], wanted)
        if isinstance(loaded, list):
            return loaded
        found, self._defined = loaded
        self._missing = set(wanted) - found.keys() - _BUILTINS
        self._theirs = self._missing | found.keys()
        self._space.update(found)
        self._prepare(texts[0])
        if order["kind"] == "check":
            self._check(texts[2], entry[0])
        else:
            self._asserts(texts)
        return ["end", self.far.memory]

    def _asserts(self, texts: list[Text]) -> None:
        about = [bool(text.reads & self._theirs) for text in texts]
        if not any(about):
            raise Unrunnable("no test asks the program anything")
        for number, text in enumerate(texts[2:], 2):
            size = len(self._space)
            why = self._attempt(lambda code=text.code: exec(code, self._space), text.source)  # noqa: S102 (a task's)
            if why and not (about[0] or about[number] or self.far.gone or size != len(self._space) or self._grown):
                raise Unrunnable(f"test {number - 1} fails without asking the program anything: {why}")
            self._grown = self._grown or size != len(self._space)
            self._report(why)

    def _wanted(self, texts: list[Text], entry: list[str], prompt: str) -> list[str]:
        """Gives the free names of the tests that the program is to define: no helpers of the prompt, no modules."""
        setup, before, *tests = texts
        asking = [setup, *tests]
        free = _union(text.reads for text in asking) - _union(text.binds for text in asking) - _BUILTINS - {"__name__"}
        if prompt:
            exec(before.code, self._space)  # noqa: S102
        bases = _union(text.bases for text in asking) - _union(text.bare for text in asking)
        for name in sorted(free & bases & sys.stdlib_module_names):
            self._space[name] = __import__(name)
        wanted = sorted((free - self._space.keys()) | set(entry)) or self._builtin_names(tests)
        self.far.classes |= {name for name in wanted if name[:1].isupper()}
        return wanted

    def _builtin_names(self, tests: list[Text]) -> list[str]:
        """Tests that name nothing but builtins are about a function that is named like one of them."""
        used = [text.reads & _BUILTINS for text in tests]
        return sorted(name for name in set.intersection(*used) if not isinstance(getattr(builtins, name), type))

    def _prepare(self, setup: Text) -> None:
        try:
            exec(setup.code, self._space)  # noqa: S102
        except Odd:
            raise
        except BaseException as error:
            if self.far.asked or (isinstance(error, NameError) and error.name in self._missing):
                raise self.far.refuse(f"the tests' setup fails on it: {self._why(error, '')}") from None
            raise Unrunnable(f"the setup fails: {type(error).__name__}: {error}") from None

    def _check(self, text: Text, entry: str) -> None:
        stop = self._attempt(lambda: exec(text.code, self._space), "the test's text")  # noqa: S102
        if stop or not callable(self._space.get("check")):
            raise Unrunnable(stop or "the test defines no function check")
        if entry in self._missing:
            self._report(self._why(NameError(name=entry), ""))
            return
        before = self._done
        why = self._attempt(lambda: self._space["check"](self._space[entry]), "check()")
        if why or self._done == before:
            self._report(why)
        if not self.far.asked and not self._failed:
            raise Unrunnable("check() asks the program nothing")

    def _case(self, source: str) -> "_Case":
        return _Case(self, source)

    def _attempt(self, run: Any, source: str) -> str | None:
        """Runs one test; gives why it failed."""
        self.far.fault, self.far.remarks = self.far.gone, []
        try:
            run()
        except BaseException as error:
            self.clean = self.clean and not isinstance(error, MemoryError)
            return self._why(error, source)
        return None if self.far.fault is None else f"{source[:_SHOWN]}: {self.far.fault}"

    def _why(self, error: BaseException, source: str) -> str:
        if isinstance(error, NameError) and error.name in self._missing:
            known = f" (it defines {', '.join(self._defined[:5])})" if self._defined else ""
            return f"the program does not define {error.name!r}{known}"
        said = self.far.fault or (str(error)[:_SHOWN] if isinstance(error, AssertionError) else "")
        if not self.far.fault and not isinstance(error, AssertionError):
            said = f"{type(error).__name__}: {str(error)[:_SHOWN]}"
        remarks = f" ({'; '.join(self.far.remarks[-2:])})" if self.far.remarks else ""
        return f"{source.strip()[:_SHOWN]}{': ' if said and source else ''}{said}{remarks}"

    def _report(self, why: str | None) -> None:
        self._done += 1
        self._failed += why is not None
        self.unsaid.append(why and why.encode("utf-8", "replace").decode())
        if time.monotonic() > self._told + _TOLD_S or len(self.unsaid) == _TOGETHER:
            self._tell()

    def _tell(self) -> None:
        """Reports on what has run: at once where it takes its time, many in one where they are quick."""
        self._told = time.monotonic()
        if self.unsaid:
            self._reports.send_bytes(dump(["tests", self.unsaid]))
            self.unsaid = []


class _Case:
    """One assertion within check(): a failure is counted, and the next one follows."""

    def __init__(self, trial: _Trial, source: str) -> None:
        self._trial, self._source = trial, source

    def __enter__(self) -> None:
        far = self._trial.far
        far.fault, far.remarks = far.fault or far.gone, []

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        trial, why = self._trial, None
        if error is not None:
            why = trial._why(error, self._source)
        elif trial.far.fault:
            why = f"{self._source[:_SHOWN]}: {trial.far.fault}"
        trial._report(why)
        trial.far.fault = trial.far.gone
        return trial.far.gone is None


def _texts(order: dict[str, Any]) -> list[Text]:
    """Gives setup, prompt and tests."""
    prompt = f"{order['prompt'].rstrip()}\n    pass\n" if order["prompt"] else ""
    texts = [read(order["setup"], "the setup"), read(prompt, "the prompt")]
    return texts + [read(test, f"test {n}", order["kind"] == "check") for n, test in enumerate(order["tests"], 1)]


def _union(sets: Iterable[set[str]]) -> set[str]:
    return set().union(*sets)
