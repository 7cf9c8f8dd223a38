"""The candidate's process: runs the program, then does what it is asked over a socket, one request at a time.

All that ever comes here is the program and the arguments of calls. No test, no expected value, no verdict: there is
nothing to read, and what leaves is data that the tests' process judges. Runs inside the sandbox (`verifiers.sandbox`).

    first     [the program's text, the names that the tests use]
    answer    ["loaded", what each name is, other names] | ["syntax", text, line] | ["failed", class, text, line]
    request   [number, operation, arguments, named arguments]
    answer    [number, "ok", value, changed arguments] | [number, "raise", class names, text, line]
              [number, "odd", what it is] | [number, "callback", which, arguments, named arguments]
"""

import builtins
import operator
import os
import socket
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any

from verifiers.code.values import MUTABLE, NotPlain, decode, encode
from verifiers.code.wire import Wire

FILE = "<program>"
MODULE = "solution"
"""The program's `__name__`: what it guards by `__name__ == "__main__"` does not run."""

MAX_NAMES = 50
_SHOWN = 300
_REHEARSALS = 20

OPERATIONS: dict[str, Callable[..., Any]] = {
    "call": lambda function, *args, **named: function(*args, **named),
    "get": getattr,
    "set": setattr,
    "del": delattr,
    "isinstance": isinstance,
    "next": next,
    "iter": iter,
    "len": len,
    "bool": bool,
    "str": str,
    "repr": repr,
    "hash": hash,
    "reversed": reversed,
    **{
        name: getattr(operator, name)
        for name in (
            *("getitem", "setitem", "delitem", "neg", "pos", "invert", "eq", "ne", "lt", "le", "gt", "ge"),
            *("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor"),
            *("lshift", "rshift"),
        )
    },
}
"""What can be done to the program's objects."""


def main(payload: dict[str, Any], control: object, fds: Sequence[int]) -> None:
    """Serves requests on the socket `fds[0]` until its other end closes."""
    wire = Wire(fds[0])
    try:
        program, names = wire.receive()
        failed, module = _load(program)
        server = _Server(wire, module)
        try:
            wire.send(failed or ["loaded", *server.names(names)])
        except NotPlain as odd:
            failed = ["failed", "ValueError", f"under the names that the tests use it has {odd}", 0]
            wire.send(failed)
        if not failed:
            server.serve()
    except (EOFError, OSError):
        pass


def rehearse() -> None:
    """Serves a program of ours in the warm process, so that forks find the interpreter's caches filled (see
    `verifiers.sandbox.child.rehearse`)."""
    for _ in range(_REHEARSALS):
        ours, theirs = socket.socketpair()
        with ours:
            tests = Wire(ours.fileno())
            tests.send(["def f(x):\n    return x\n", ["f"]])
            tests.send([1, "call", [["h", 0], encode([1, "a"], str)], {}])  # type: ignore[arg-type]
            ours.shutdown(socket.SHUT_WR)
            main({}, None, [theirs.detach()])
    sys.modules.pop(MODULE, None)


def _load(program: str) -> tuple[list[Any] | None, types.ModuleType]:
    module = types.ModuleType(MODULE)
    try:
        code = compile(program, FILE, "exec", dont_inherit=True)
    except SyntaxError as error:
        return ["syntax", f"{type(error).__name__}: {error.msg}", error.lineno or 0], module
    except (ValueError, RecursionError, MemoryError) as error:  # NUL characters, nesting
        return ["syntax", f"{type(error).__name__}: {error}"[:_SHOWN], 0], module
    sys.modules[MODULE] = module
    try:
        exec(code, module.__dict__)  # noqa: S102 (what this process is for)
    except BaseException as error:
        return ["failed", type(error).__name__, _text(error), _line(error)], module
    return None, module


class _Server:
    """The objects that the tests hold on to, by number, and the loop that answers."""

    def __init__(self, wire: Wire, module: types.ModuleType) -> None:
        self._wire = wire
        self._module = module
        self._objects: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._number = 0

    def serve(self) -> None:
        while True:
            number, operation, args, named = self._wire.receive()
            outer, self._number = self._number, number
            self._send([number, *self._do(operation, args, named)])
            self._number = outer

    def _send(self, message: list[Any]) -> None:
        try:
            self._wire.send(message)
        except NotPlain as odd:
            self._wire.send([message[0], "odd", str(odd)])

    def names(self, names: list[str]) -> list[Any]:
        """Gives for each name what it is, and what else the program defines."""
        space = self._module.__dict__
        mine = [name for name, value in space.items() if callable(value) and getattr(value, "__module__", "") == MODULE]
        return [[self._named(space[name]) if name in space else None for name in names], mine[:MAX_NAMES]]

    def _named(self, value: Any) -> Any:
        if isinstance(value, type) and issubclass(value, BaseException):
            return ["exception", _builtin_bases(value)]
        if isinstance(value, types.ModuleType):
            return ["module", value.__name__]
        try:
            return ["value", encode(value, self._handle)]
        except Exception as error:
            return ["odd", _text(error)]

    def _do(self, operation: str, raw: list[Any], raw_named: dict[str, Any]) -> list[Any]:
        try:
            args = [decode(value, self._object) for value in raw]
            named = {name: decode(value, self._object) for name, value in raw_named.items()}
            answer: list[Any]
            try:
                result = OPERATIONS[operation](*args, **named)
            except BaseException as error:
                answer = ["raise", [*_own_names(error), _builtin_bases(type(error))], _text(error), _line(error)]
            else:
                answer = ["ok", encode(result, self._handle)]
            return [*answer, self._changed(args, raw) + self._changed(named, raw_named)]
        except NotPlain as odd:
            return ["odd", str(odd)]
        except Exception as error:  # the program's own methods, met while its result is written down
            return ["odd", f"{type(error).__name__} while the result is read: {_text(error)}"]

    def _changed(self, args: Any, raw: Any) -> list[Any]:
        """Gives the arguments that the call has changed, each with its place."""
        pairs = args.items() if isinstance(args, dict) else enumerate(args)
        changed = []
        for place, value in pairs:
            if isinstance(value, MUTABLE) and (now := encode(value, self._handle)) != raw[place]:
                changed.append([place, now])
        return changed

    def _handle(self, value: Any) -> list[Any]:
        """Writes an object that stays here: its number, what it can do, and its class's name."""
        kind = type(value)
        if isinstance(value, type):
            ability = "class"
        elif hasattr(kind, "__next__"):
            ability = "iterator"
        elif callable(value):
            ability = "callable"
        else:
            ability = "object"
        number = self._numbers.get(id(value))
        if number is None:
            number = self._numbers[id(value)] = len(self._objects)
            self._objects.append(value)
        return ["h", number, ability, str(value.__name__ if ability == "class" else kind.__name__)[:100]]

    def _object(self, data: list[Any]) -> Any:
        match data:
            case ["h", int(number)]:
                return self._objects[number]
            case ["g", str(name)]:
                return getattr(builtins, name)
            case ["k", int(number)]:
                return lambda *args, **named: self._call_back(number, args, named)
        raise LookupError(data[0])

    def _call_back(self, which: int, args: Sequence[Any], named: dict[str, Any]) -> Any:
        """Asks the tests' process to call a function that it has given as an argument, and waits for the result."""
        written = [encode(value, self._handle) for value in args]
        written_named = {name: encode(value, self._handle) for name, value in named.items()}
        self._wire.send([self._number, "callback", which, written, written_named])
        match self._wire.receive():
            case ["ok", value]:
                return decode(value, self._object)
            case ["raise", str(name), str(text)]:
                raise getattr(builtins, name, Exception)(text)
        os._exit(1)


def _own_names(error: BaseException) -> list[str]:
    return [kind.__name__ for kind in type(error).__mro__ if kind.__module__ == MODULE][:10]


def _builtin_bases(kind: type) -> str:
    return next(base.__name__ for base in kind.__mro__ if base.__module__ == "builtins")


def _text(error: BaseException) -> str:
    try:
        if len(error.args) == 1 and isinstance(error.args[0], str):
            return error.args[0][:_SHOWN]
        return str(error)[:_SHOWN]
    except BaseException:
        return ""


def _line(error: BaseException) -> int:
    """Gives the program's line in which the error arose, 0 where it is none of the program's."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILE:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
