"""The tests' process: runs setup and assertions against the candidate across the channel, and reports on each.

Runs inside the sandbox too. The tests come straight from our process and pass through none that forks candidates.
Reports: `["test", number, why]` (why is null where it passed), at last `["last", whether it goes on, ...]`.
"""

import ast
import builtins
import dis
import random
import sys
import types
from collections.abc import Iterable, Sequence
from multiprocessing.connection import Connection
from typing import Any, Protocol

from verifiers.code.far import Far
from verifiers.code.harmless import harmless
from verifiers.code.proxies import Odd
from verifiers.code.values import dump, load

_BUILTINS = set(dir(builtins))
_SHOWN = 200


class Unrunnable(Exception):
    """The tests cannot run, whatever the program is."""


class Control(Protocol):
    """Our process: orders come from it, each with the candidate's socket; reports go to it."""

    def recv_bytes(self) -> bytes: ...
    def received_fds(self) -> list[int]: ...
    def send_bytes(self, data: bytes) -> None: ...


def main(payload: dict[str, Any], control: Control, fds: Sequence[int]) -> None:
    """Carries out one order after the other, until one may have changed this process."""
    while True:
        order = load(control.recv_bytes())
        with Connection(control.received_fds()[0]) as connection:
            trial = _Trial(control, Far(connection, order["classes"]))
            try:
                report = trial.run(order)
            except Unrunnable as error:
                report = ["bad", str(error)[:500]]
            except Odd:
                report = ["lost", trial.far.fault]
        control.send_bytes(dump(["last", trial.clean, *report]))
        if not trial.clean:
            return


class _Trial:
    def __init__(self, reports: Control, far: Far) -> None:
        self.far = far
        self._reports = reports
        self._done = self._failed = 0
        self._space: dict[str, Any] = {"__name__": "tests", "__case__": self._case}
        self._missing: set[str] = set()
        self._theirs: set[str] = set()
        self._defined: list[str] = []
        self._grown = False
        self.clean = False

    def run(self, order: dict[str, Any]) -> list[Any]:
        """Gives the last report; raises Unrunnable, and Odd where the candidate is lost before the first test."""
        sources = [order["setup"], order["prompt"], *order["tests"]]
        codes = _compiled(sources, order["kind"])
        self.clean = not order["prompt"] and harmless(sources)
        entry = [order["entry_point"]] if order["kind"] == "check" else []
        answer = self.far.load(order["program"])
        if answer[0] != "loaded":
            return answer
        random.seed(0)  # tests that draw at random draw the same every time
        self._bind(sources, codes, entry, order["prompt"])
        self._prepare(codes[0])
        if order["kind"] == "check":
            self._check(codes[2], entry[0])
        else:
            self._asserts(codes, order["tests"])
        return ["end", self.far.memory]

    def _asserts(self, codes: list[Any], sources: list[str]) -> None:
        about = [bool(_loaded(code) & self._theirs) for code in codes]
        if not any(about):
            raise Unrunnable("no test asks the program anything")
        for number, source in enumerate(sources, 2):
            size = len(self._space)
            why = self._attempt(lambda code=codes[number]: exec(code, self._space), source)  # noqa: S102 (a task's)
            if why and not (about[0] or about[number] or self.far.gone or size != len(self._space) or self._grown):
                raise Unrunnable(f"test {number - 1} fails without asking the program anything: {why}")
            self._grown = self._grown or size != len(self._space)
            self._report(why)

    def _bind(self, sources: list[str], codes: list[Any], entry: list[str], prompt: str) -> None:
        """Gives the free names of the tests their meaning: helpers of the prompt, our modules, else the program's."""
        free = _free_names([codes[0], *codes[2:]])
        if prompt:
            exec(codes[1], self._space)  # noqa: S102
        bases = _only_bases([sources[0], *sources[2:]])
        for name in sorted(free & bases & sys.stdlib_module_names):
            self._space[name] = __import__(name)
        wanted = sorted((free - self._space.keys()) | set(entry)) or self._builtin_names(codes[2:])
        self.far.classes |= {name for name in wanted if name[:1].isupper()}
        found, self._defined = self.far.names(wanted)
        self.far.asked = 0
        self._missing = set(wanted) - found.keys() - _BUILTINS
        self._theirs = self._missing | found.keys()
        self._space.update(found)

    def _builtin_names(self, codes: list[Any]) -> list[str]:
        """Tests that name nothing but builtins are about a function that is named like one of them."""
        used = [{name for name in _loaded(code) if name in _BUILTINS} for code in codes]
        return sorted(name for name in set.intersection(*used) if not isinstance(getattr(builtins, name), type))

    def _prepare(self, setup: types.CodeType) -> None:
        try:
            exec(setup, self._space)  # noqa: S102
        except Odd:
            raise
        except BaseException as error:
            if self.far.asked or (isinstance(error, NameError) and error.name in self._missing):
                raise self.far.refuse(f"the tests' setup fails on it: {self._why(error, '')}") from None
            raise Unrunnable(f"the setup fails: {type(error).__name__}: {error}") from None

    def _check(self, code: types.CodeType, entry: str) -> None:
        stop = self._attempt(lambda: exec(code, self._space), "the test's text")  # noqa: S102
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
        self._reports.send_bytes(dump(["test", self._done, why and why.encode("utf-8", "replace").decode()]))


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


def _compiled(sources: list[str], kind: str) -> list[types.CodeType]:
    codes = []
    for number, source in enumerate(sources):
        name = ("the setup", "the prompt")[number] if number < 2 else f"test {number - 1}"
        if number == 1 and source:
            source = f"{source.rstrip()}\n    pass\n"
        try:
            tree = ast.parse(source)
            if number > 1 and kind == "check":
                tree = ast.fix_missing_locations(_Counted().visit(tree))
            codes.append(compile(tree, f"<{name}>", "exec", dont_inherit=True))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise Unrunnable(f"{name} is not Python: {error}") from None
    return codes


class _Counted(ast.NodeTransformer):
    """Counts each assertion of check() apart. What stands in a try keeps its meaning: it is left alone."""

    def visit_Module(self, node: ast.Module) -> ast.AST:
        for part in node.body:
            if isinstance(part, ast.FunctionDef) and part.name == "check":
                self.generic_visit(part)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return node

    visit_Try = visit_Lambda = visit_ClassDef = visit_AsyncFunctionDef = visit_FunctionDef  # type: ignore[assignment]

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        call = ast.Call(ast.Name("__case__", ast.Load()), [ast.Constant(ast.unparse(node)[:_SHOWN])], [])
        return ast.copy_location(ast.With([ast.withitem(call)], [node]), node)


def _free_names(codes: Iterable[types.CodeType]) -> set[str]:
    """Gives the global names that are read and that neither the code itself nor the builtins define."""
    read, bound = set(), set()
    for code in codes:
        read |= _loaded(code)
        bound |= {i.argval for part in _parts(code) for i in dis.get_instructions(part) if i.opname in _STORES}
    return read - bound - _BUILTINS - {"__case__", "__name__"}


_STORES = {"STORE_NAME", "STORE_GLOBAL"}


def _loaded(code: types.CodeType) -> set[str]:
    return {i.argval for p in _parts(code) for i in dis.get_instructions(p) if i.opname in ("LOAD_NAME", "LOAD_GLOBAL")}


def _parts(code: types.CodeType) -> Iterable[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _parts(constant)


def _only_bases(sources: Iterable[str]) -> set[str]:
    """Gives names that occur only as in `math.sqrt`: of those a module of ours is meant, not the program's."""
    bases: set[str] = set()
    bare: set[str] = set()
    for source in sources:
        for node in ast.walk(ast.parse(source)):
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.Name):
                    (bases if isinstance(node, ast.Attribute) else bare).add(child.id)
    return bases - bare
