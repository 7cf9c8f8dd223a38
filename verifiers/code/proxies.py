"""What stands in the tests for the program's functions, classes and objects: each use of it is a request.

A function under test gives plain data, an iterator, or a function that can be called again; of anything else only its
truth can be asked. Objects of the program's own are let in where the tests ask for a class, a name that begins with a
capital letter. They answer for their attributes and methods; compared with plain data they are unequal, and no expected
value is ever sent to them by an operator, so that no `__eq__` or `__sub__` of the program can decide a test.
"""

from typing import Any, Protocol

_PREDICATES = {
    name for kind in (str, bytes, int, float, set, dict, list) for name in dir(kind) if name.startswith("is")
} | {"startswith", "endswith"}
_PLAIN_METHODS = {name for kind in (str, bytes, int, float, set, dict, list, tuple) for name in dir(kind)}


class Odd(BaseException):
    """The program gave something that is not plain data; no `except Exception` of a test may take it for an answer."""


class Far(Protocol):
    """The side of the channel that these stand for."""

    def ask(self, operation: str, *args: Any, objects: bool = False, **named: Any) -> Any: ...
    def refuse(self, why: str) -> Odd: ...
    def note(self, text: str) -> None: ...


class Remote:
    """Something that lies in the candidate's process under a number."""

    __slots__ = ("__weakref__", "_far_", "_kind_", "_number_")

    def __init__(self, far: Far, number: int, kind: str) -> None:
        for name, value in (("_far_", far), ("_number_", number), ("_kind_", kind)):
            object.__setattr__(self, name, value)


class RemoteFunction(Remote):
    """A function under test, or one that such a function gave: can be called, nothing else."""

    __slots__ = ()

    def __call__(self, *args: Any, **named: Any) -> Any:
        return self._far_.ask("call", self, *args, **named)  # type: ignore[attr-defined]


class RemoteThing(Remote):
    """An object that a function gave where no class is under test (a `re.Match`): it is true or false, nothing else."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return _exact(self, bool, "bool", self)

    def __getattr__(self, name: str) -> Any:
        kind = object.__getattribute__(self, "_kind_")
        raise _refuse(self, f"an object of class {kind!r}, which is no plain data")


class RemoteIterator(Remote):
    """A generator or iterator: one item a request, so that endless ones are no matter."""

    __slots__ = ()

    def __iter__(self) -> "RemoteIterator":
        return self

    def __next__(self) -> Any:
        return self._far_.ask("next", self)  # type: ignore[attr-defined]


class RemoteObject(Remote):
    """An object of a class under test, or the class itself. `__contains__` is not asked: items are compared here."""

    __slots__ = ("_made_here_",)

    def __init__(self, far: Far, number: int, kind: str, made_here: bool) -> None:
        super().__init__(far, number, kind)
        object.__setattr__(self, "_made_here_", made_here)

    def __call__(self, *args: Any, **named: Any) -> Any:
        return _ask(self, "call", self, *args, **named)

    def __getattr__(self, name: str) -> Any:
        known = object.__getattribute__(self, "_made_here_")
        if name in _PREDICATES or (not known and name in _PLAIN_METHODS):
            raise _refuse(self, f"an object of class {object.__getattribute__(self, '_kind_')!r} where data is needed")
        return _ask(self, "get", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        _ask(self, "set", self, name, value)

    def __delattr__(self, name: str) -> None:
        _ask(self, "del", self, name)

    def __instancecheck__(self, other: object) -> bool:
        return isinstance(other, Remote) and _exact(self, bool, "isinstance", other, self)

    def __len__(self) -> int:
        return _exact(self, int, "len", self)

    def __bool__(self) -> bool:
        return _exact(self, bool, "bool", self)

    def __str__(self) -> str:
        return _exact(self, str, "str", self)

    def __repr__(self) -> str:
        return _exact(self, str, "repr", self)

    def __hash__(self) -> int:
        return _exact(self, int, "hash", self)

    def __iter__(self) -> Any:
        return _ask(self, "iter", self)

    def __reversed__(self) -> Any:
        return _ask(self, "reversed", self)

    def __next__(self) -> Any:
        return _ask(self, "next", self)

    def __getitem__(self, key: Any) -> Any:
        return _ask(self, "getitem", self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        _ask(self, "setitem", self, key, value)

    def __delitem__(self, key: Any) -> None:
        _ask(self, "delitem", self, key)

    def __eq__(self, other: object) -> Any:
        return _compared(self, "eq", other)

    def __ne__(self, other: object) -> Any:
        return _compared(self, "ne", other)

    def __lt__(self, other: object) -> Any:
        return _compared(self, "lt", other)

    def __le__(self, other: object) -> Any:
        return _compared(self, "le", other)

    def __gt__(self, other: object) -> Any:
        return _compared(self, "gt", other)

    def __ge__(self, other: object) -> Any:
        return _compared(self, "ge", other)


def _operators() -> None:
    """Arithmetic gives objects only: `abs(area(3) - 28.27) < 0.01` must not be the program's to answer."""

    def forward(operation: str) -> Any:
        return lambda self, other: _object(self, operation, self, other)

    def backward(operation: str) -> Any:
        return lambda self, other: _object(self, operation, other, self)

    names = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor", "lshift")
    for operation in names:
        bare = operation.rstrip("_")
        setattr(RemoteObject, f"__{bare}__", forward(operation))
        setattr(RemoteObject, f"__r{bare}__", backward(operation))
    for operation in ("neg", "pos", "invert"):
        setattr(RemoteObject, f"__{operation}__", lambda self, operation=operation: _object(self, operation, self))


_operators()


def _far(remote: Remote) -> Far:
    return object.__getattribute__(remote, "_far_")


def _ask(remote: Remote, operation: str, *args: Any, **named: Any) -> Any:
    return _far(remote).ask(operation, *args, objects=True, **named)


def _refuse(remote: Remote, why: str) -> Odd:
    return _far(remote).refuse(f"the program gave {why}")


def _exact(remote: Remote, kind: type, operation: str, *args: Any) -> Any:
    value = _ask(remote, operation, *args)
    if type(value) is not kind:
        raise _refuse(remote, f"no {kind.__name__} for {operation}()")
    return value


def _compared(remote: Remote, operation: str, other: object) -> Any:
    if isinstance(other, Remote):
        return _exact(remote, bool, operation, remote, other)
    if other is not None:
        kind = object.__getattribute__(remote, "_kind_")
        _far(remote).note(f"the program gave an object of class {kind!r}, which is equal to no plain data")
    return NotImplemented


def _object(remote: Remote, operation: str, *args: Any) -> Any:
    value = _ask(remote, operation, *args)
    if not isinstance(value, RemoteObject):
        raise _refuse(remote, f"plain data for {operation!r} on an object")
    return value
