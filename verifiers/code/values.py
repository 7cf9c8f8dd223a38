"""Values as data: what may pass between the tests' process and the candidate's, and how it is written.

A value is written as JSON in which every array begins with a tag, so that tuples, sets, bytes and the like come back
with their exact builtin types. Nothing is pickled: reading makes builtin objects and nothing else, whatever the bytes
say. Values are trees: what is shared is written twice, what contains itself is refused by depth.
"""

import base64
import builtins
import collections
import datetime
import decimal
import fractions
import json
from collections.abc import Callable
from typing import Any

MAX_BYTES = 16 << 20
"""One message."""

MAX_ITEMS = 1_000_000
"""Values within one value."""

MAX_DEPTH = 200

_SMALL = 1 << 62
"""Whole numbers beyond it are written in hexadecimal: reading decimal digits costs their square."""

_encode = json.JSONEncoder(separators=(",", ":")).encode
_decode = json.JSONDecoder().decode
_NONE = type(None)
_PLAIN = {str, float, bool, _NONE}
_BASES: tuple[Any, ...] = (str, int, float, list, tuple, dict, set, frozenset, bytes, collections.deque)
_MAPS: dict[type, int] = {dict: 0, collections.OrderedDict: 1, collections.Counter: 2}
_TEXTS: dict[type, tuple[str, Callable[[Any], str], Callable[[str], Any]]] = {
    fractions.Fraction: ("fraction", str, fractions.Fraction),
    decimal.Decimal: ("decimal", str, decimal.Decimal),
    datetime.datetime: ("datetime", datetime.datetime.isoformat, datetime.datetime.fromisoformat),
    datetime.date: ("date", datetime.date.isoformat, datetime.date.fromisoformat),
    datetime.time: ("time", datetime.time.isoformat, datetime.time.fromisoformat),
}
_FROM_TEXT = {name: read for name, _, read in _TEXTS.values()}
_TYPES = {name: kind for name, kind in vars(builtins).items() if isinstance(kind, type) and not name.startswith("_")}
_TYPE_NAMES = {kind: name for name, kind in _TYPES.items()}
_VIEWS: dict[type, str] = {type({}.keys()): "keys", type({}.values()): "values", type({}.items()): "items"}


class NotPlain(Exception):
    """A value that cannot be written; the text says what it is."""


class Garbage(ValueError):
    """A message that is not a written value."""


def encode(value: Any, other: Callable[[Any], list[Any]]) -> Any:
    """Gives `value` as JSON's own types. `other` writes what is not plain, or raises NotPlain."""
    left = MAX_ITEMS

    def write_all(items: Any, depth: int) -> list[Any]:
        nonlocal left
        items = list(items)
        left -= len(items)
        if left < 0:
            raise NotPlain(f"a value of more than {MAX_ITEMS} items")
        kinds = set(map(type, items))
        if kinds <= _PLAIN or (kinds == {int} and min(items) > -_SMALL and max(items) < _SMALL):
            return items
        return [write(item, depth + 1) for item in items]

    def write(value: Any, depth: int) -> Any:
        kind = type(value)
        if kind in _PLAIN:
            return value
        if kind is int:
            return value if -_SMALL < value < _SMALL else ["i", hex(value)]
        if depth > MAX_DEPTH:
            raise NotPlain(f"a value nested more than {MAX_DEPTH} deep, or containing itself")
        if kind is list:
            return ["l", *write_all(value, depth)]
        if kind is tuple:
            return ["t", *write_all(value, depth)]
        if kind in _MAPS:
            return ["d", _MAPS[kind], *write_all((part for pair in value.items() for part in pair), depth)]
        if kind is set:
            return ["s", *write_all(value, depth)]
        if kind is frozenset:
            return ["f", *write_all(value, depth)]
        if kind is bytes or kind is bytearray:
            return ["b" if kind is bytes else "a", base64.b64encode(value).decode()]
        if kind is complex:
            return ["c", value.real, value.imag]
        if kind is range:
            return ["r", *write_all((value.start, value.stop, value.step), depth)]
        if kind is collections.deque:
            return ["q", write(value.maxlen, depth + 1), *write_all(value, depth)]
        if kind in _VIEWS:
            return ["v", _VIEWS[kind], *write_all(value, depth)]
        if kind in _TEXTS:
            name, text, _ = _TEXTS[kind]
            return ["x", name, text(value)]
        if kind is datetime.timedelta:
            return ["e", value.days, value.seconds, value.microseconds]
        if kind is type and value in _TYPE_NAMES:
            return ["n", _TYPE_NAMES[value]]
        for base in _BASES:
            if isinstance(value, base):  # of a class of the program's own: what is plain in it
                return write(base(value), depth + 1)
        if kind.__module__ == "numpy" and hasattr(value, "item") and not hasattr(value, "__len__"):
            return write(value.item(), depth + 1)
        return other(value)

    return write(value, 0)


def decode(data: Any, other: Callable[[list[Any]], Any]) -> Any:
    """Gives the value that `encode` wrote; `other` reads the tags that are not of this module. Raises Garbage."""
    left = MAX_ITEMS

    def read_all(items: list[Any], depth: int) -> list[Any]:
        nonlocal left
        left -= len(items)
        if left < 0 or depth > 2 * MAX_DEPTH:
            raise Garbage("too many items, or too deep")
        kinds = set(map(type, items))
        return items if list not in kinds and dict not in kinds else [read(item, depth + 1) for item in items]

    def read(data: Any, depth: int) -> Any:
        if type(data) is not list:
            if type(data) is dict:
                raise Garbage("an object")
            return data
        tag = data[0]
        match tag:
            case "l":
                return read_all(data[1:], depth)
            case "t":
                return tuple(read_all(data[1:], depth))
            case "d":
                parts = read_all(data[2:], depth)
                pairs = zip(parts[::2], parts[1::2], strict=True)
                return (dict, collections.OrderedDict, _counter)[data[1]](pairs)
            case "s":
                return set(read_all(data[1:], depth))
            case "f":
                return frozenset(read_all(data[1:], depth))
            case "i":
                return int(data[1], 16)
            case "b":
                return base64.b64decode(data[1])
            case "a":
                return bytearray(base64.b64decode(data[1]))
            case "c":
                return complex(data[1], data[2])
            case "r":
                return range(*read_all(data[1:], depth))
            case "q":
                return collections.deque(read_all(data[2:], depth), read(data[1], depth + 1))
            case "v":
                return _view(data[1], read_all(data[2:], depth))
            case "x":
                return _FROM_TEXT[data[1]](data[2])
            case "e":
                return datetime.timedelta(data[1], data[2], data[3])
            case "n":
                return _TYPES[data[1]]
        return other(data)

    try:
        return read(data, 0)
    except Garbage:
        raise
    except (LookupError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
        raise Garbage(f"{type(error).__name__} in a message") from None


def renew(old: Any, changed: Any) -> None:
    """Makes `old` equal to `changed`, in place where their types allow it, so that other references see it too."""
    if type(old) is not type(changed):
        return
    if isinstance(old, list):
        for i, (mine, theirs) in enumerate(zip(old, changed, strict=False)):
            old[i] = _renewed(mine, theirs)
        old[len(changed) :] = changed[len(old) :]
    elif isinstance(old, dict):
        merged = {key: _renewed(old[key], theirs) if key in old else theirs for key, theirs in changed.items()}
        old.clear()
        old.update(merged)
    elif isinstance(old, set):
        old.clear()
        old.update(changed)
    elif isinstance(old, bytearray):
        old[:] = changed
    elif isinstance(old, collections.deque):
        old.clear()
        old.extend(changed)


MUTABLE = (list, dict, set, bytearray, collections.deque)


def dump(message: Any) -> bytes:
    """Gives a message as bytes; raises NotPlain where it is too long."""
    text = _encode(message)
    if len(text) > MAX_BYTES:
        raise NotPlain(f"a value of more than {MAX_BYTES >> 20} MB")
    return text.encode()


def load(data: bytes) -> Any:
    """Gives a message's arrays; raises Garbage."""
    try:
        return _decode(data.decode())
    except (ValueError, RecursionError):
        raise Garbage("a message that is not JSON") from None


def _renewed(mine: Any, theirs: Any) -> Any:
    if isinstance(mine, MUTABLE) and type(mine) is type(theirs):
        renew(mine, theirs)
        return mine
    return theirs


def _counter(pairs: Any) -> Any:
    return collections.Counter(dict(pairs))


def _view(name: str, items: list[Any]) -> Any:
    match name:
        case "keys":
            return dict.fromkeys(items).keys()
        case "values":
            return dict(enumerate(items)).values()
        case "items":
            return dict(items).items()
    raise Garbage("a view of no kind")
