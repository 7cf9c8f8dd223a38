"""The tests' side of the channel: asks the candidate, reads its answers as data, and notes what was wrong with them."""

import builtins
import types
from collections.abc import Callable, Sequence
from typing import Any

from verifiers.code.proxies import Odd, Remote, RemoteFunction, RemoteIterator, RemoteObject, RemoteThing
from verifiers.code.values import Garbage, NotPlain, decode, encode, renew
from verifiers.code.wire import Wire

_SHORT_S = 0.02
_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType)


class Far:
    """What the candidate says. `fault`: why the running test fails whatever it does; `gone`: why no test can follow.

    `waiting`: called before a long wait for it.
    """

    def __init__(self, wire: Wire, classes: Sequence[str], waiting: Callable[[], None]) -> None:
        self._wire = wire
        self._waiting = waiting
        self._number = 0
        self._remotes: dict[int, Remote] = {}
        self._callbacks: list[Callable[..., Any]] = []
        self._exceptions: dict[str, type[BaseException]] = {}
        self.classes = set(classes)
        self.asked = 0
        self.fault: str | None = None
        self.gone: str | None = None
        self.memory = False
        self.remarks: list[str] = []

    def load(self, program: str, names: Sequence[str]) -> list[Any] | tuple[dict[str, Any], list[str]]:
        """Has the program run. Gives what stands for each of the names that it defines, and the names of its functions;
        or `["syntax", text, line]`, `["failed", name, text, line]`.
        """
        self._send([program, list(names)])
        answer = self._receive()
        match answer:
            case ["syntax", str(), int()] | ["failed", str(), str(), int()]:
                return answer
            case ["loaded", list(kinds), list(defined)] if len(kinds) == len(names):
                found = {}
                for name, kind in zip(names, kinds, strict=True):
                    if kind is not None:
                        found[name] = self._named(name, kind)
                return found, [str(name)[:60] for name in defined]
        raise self._lost("the program answered for the channel")

    def ask(self, operation: str, *args: Any, objects: bool = False, **named: Any) -> Any:
        """Has the candidate do one thing; gives its result, raises what it raised, or Odd."""
        try:
            sent = [encode(value, self._write) for value in args]
            sent_named = {name: encode(value, self._write) for name, value in named.items()}
        except NotPlain as odd:
            raise TypeError(f"a test hands over {odd}") from None
        answer = self._request(operation, sent, sent_named)
        made = objects and operation == "call" and isinstance(args[0], RemoteObject) and args[0]._kind_ == "class"
        try:
            match answer:
                case ["ok", value, list(changed)]:
                    result = decode(value, lambda data: self._read(data, objects, made))
                    self._renew(args, named, changed)
                    return result
                case ["raise", list(classes), str(text), int(line), list(changed)]:
                    self._renew(args, named, changed)
                    raise self._exception(classes, text, line)
                case ["odd", str(what)]:
                    raise self.refuse(f"the program gave {what[:200]}")
        except Garbage as error:
            raise self._lost(f"the program wrote to the channel ({error})") from None
        raise self._lost("the program wrote to the channel")

    def refuse(self, why: str) -> Odd:
        self.fault = self.fault or why
        return Odd(why)

    def note(self, text: str) -> None:
        self.remarks.append(text)

    def _request(self, operation: str, args: list[Any], named: dict[str, Any]) -> list[Any]:
        if self.gone:
            raise self.refuse(self.gone)
        self.asked += 1
        self._number += 1
        number = self._number
        self._send([number, operation, args, named])
        while True:
            answer = self._receive()
            if type(answer) is not list or len(answer) < 2 or answer[0] != number:
                raise self._lost("the program answered out of turn")
            if answer[1] != "callback":
                return answer[1:]
            self._send(self._called_back(answer[2:]))

    def _called_back(self, request: list[Any]) -> list[Any]:
        match request:
            case [int(which), list(args), dict(named)] if 0 <= which < len(self._callbacks):
                try:
                    values = [decode(value, lambda data: self._read(data, True, False)) for value in args]
                    values_named = {
                        name: decode(v, lambda data: self._read(data, True, False)) for name, v in named.items()
                    }
                    return ["ok", encode(self._callbacks[which](*values, **values_named), self._write)]
                except Exception as error:
                    return ["raise", type(error).__name__, str(error)]
        raise self._lost("the program wrote to the channel")

    def _send(self, message: Any) -> None:
        try:
            self._wire.send(message)
        except NotPlain as odd:
            raise TypeError(f"a test hands over {odd}") from None
        except OSError:
            raise self._lost("the program ended its process") from None

    def _receive(self) -> Any:
        try:
            if not self._wire.arrives(_SHORT_S):
                self._waiting()
            return self._wire.receive()
        except ValueError:  # Garbage too
            raise self._lost("the program wrote to the channel") from None
        except (EOFError, OSError):
            raise self._lost("the program ended its process") from None

    def _lost(self, why: str) -> Odd:
        self.gone = self.gone or why
        return self.refuse(why)

    def _write(self, value: Any) -> list[Any]:
        if isinstance(value, Remote):
            return ["h", object.__getattribute__(value, "_number_")]
        if isinstance(value, _FUNCTIONS):
            name = getattr(value, "__name__", "")
            if getattr(builtins, name, None) is value:
                return ["g", name]
            self._callbacks.append(value)
            return ["k", len(self._callbacks) - 1]
        name = getattr(value, "__name__", "")
        if isinstance(value, type) and getattr(builtins, name, None) is value:
            return ["g", name]
        raise NotPlain(f"an object of class {type(value).__name__!r}")

    def _read(self, data: list[Any], objects: bool, made: bool) -> Remote:
        match data:
            case ["h", int(number), str(ability), str(kind)]:
                if number not in self._remotes:
                    self._remotes[number] = self._remote(number, ability, kind, objects, made)
                return self._remotes[number]
        raise Garbage("an unknown tag")

    def _remote(self, number: int, ability: str, kind: str, objects: bool, made: bool) -> Remote:
        if objects or kind in self.classes:
            shown = "class" if ability == "class" else kind
            return RemoteObject(self, number, shown, made or kind in self.classes or ability in ("class", "callable"))
        if ability == "iterator":
            return RemoteIterator(self, number, kind)
        if ability in ("callable", "class"):
            return RemoteFunction(self, number, kind)
        self.note(f"the program gave an object of class {kind!r}, which is no plain data")
        return RemoteThing(self, number, kind)

    def _named(self, name: str, kind: Any) -> Any:
        match kind:
            case ["value", value]:
                try:
                    return decode(value, lambda data: self._read(data, name in self.classes, False))
                except Garbage as error:
                    raise self._lost(f"the program wrote to the channel ({error})") from None
            case ["exception", str(base)]:
                made = type(name, (_builtin(base),), {})
                self._exceptions[name] = made
                return made
        return Unusable(self, name)

    def _exception(self, classes: list[Any], text: str, line: int) -> BaseException:
        kind = next((self._exceptions[name] for name in classes if name in self._exceptions), None)
        kind = kind or _builtin(classes[-1] if classes else "")
        if line:
            self.note(f"raised in line {line} of the program")
        self.memory = self.memory or kind is MemoryError
        try:
            return kind(text)
        except TypeError:  # UnicodeDecodeError and its like want more
            return ValueError(text)

    def _renew(self, args: Sequence[Any], named: dict[str, Any], changed: list[Any]) -> None:
        for place, data in changed:
            value = decode(data, lambda data: self._read(data, True, False))
            renew(named[place] if isinstance(place, str) else args[place], value)


class Unusable:
    """A name of the program's that is neither data nor can be called."""

    def __init__(self, far: Far, name: str) -> None:
        self._far, self._name = far, name

    def __getattr__(self, attribute: str) -> Any:
        raise self._far.refuse(f"{self._name!r} of the program is no function, class or plain data")


def _builtin(name: Any) -> type[BaseException]:
    kind = getattr(builtins, name, None) if isinstance(name, str) else None
    return kind if isinstance(kind, type) and issubclass(kind, BaseException) else Exception
