r"""Intervals and their unions, as brackets (`(-\infty, 2] \cup (3, 4)`) or as inequalities (`1 < x \leq 2`).

What stands at the ends is left as it is written; whoever compares two intervals says when two ends are the same.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

from verifiers.numbers import Number
from verifiers.plain import encloses, split
from verifiers.plain import read as read_value

MAX_PIECES = 30


@dataclass(frozen=True, slots=True)
class Piece:
    r"""From `low` to `high`, each in or out; an end without end is `\infty` or `-\infty`, and out."""

    low: str
    low_in: bool
    high: str
    high_in: bool


@dataclass(frozen=True, slots=True)
class Intervals:
    """A union; `name` is the variable that lies in it, where one is named; `sure`: it can be nothing but intervals."""

    pieces: tuple[Piece, ...]
    name: str | None
    sure: bool


_CUP = re.compile(
    r"\\cup(?![A-Za-z])|\\bigcup(?![A-Za-z])|(?<=[)\]}])\s*(?:U|or|,|\\text\s*\{\s*(?:or|and)\s*\})\s*(?=[(\[]|\\\{)"
)
_OR = re.compile(
    r"\s*(?:,?\s*\\(?:text|mathrm)\s*\{\s*,?\s*or\s*\}|,?\s*\bor\b|\\cup(?![A-Za-z])|\\(?:vee|lor)(?![A-Za-z]))\s*"
)
_LESS = r"(<=?|\\l(?:eq?(?:slant|q)?|t)(?![A-Za-z]))"
_MORE = r"(>=?|\\g(?:eq?(?:slant|q)?|t)(?![A-Za-z]))"
# \\pi and e are numbers that may stand at an end.
_NAME = r"(?!(?:\\pi|e)(?![A-Za-z_(]))([A-Za-z](?:_\{?\w\}?)?(?:\([a-z]\))?|\\[a-z]{2,7})"
_RISING = re.compile(rf"(?:([^<>]+?)\s*{_LESS}\s*)?{_NAME}\s*(?:{_LESS}\s*([^<>]+))?")
_FALLING = re.compile(rf"(?:([^<>]+?)\s*{_MORE}\s*)?{_NAME}\s*(?:{_MORE}\s*([^<>]+))?")
_MEMBER = re.compile(rf"{_NAME}\s*\\in(?![A-Za-z])\s*")
_LINE = ("\\mathbb{R}", "\\mathbb R", "\\Bbb{R}", "\\R")
_PLUS = ("\\infty", "+\\infty", "oo", "inf")
_MINUS = ("-\\infty", "-oo", "-inf", "- \\infty")


def read(tidied: str) -> Intervals | None:
    """Gives the intervals that a tidied answer consists of, None where it is something else. `(1, 2)` is not sure."""
    if not any(mark in tidied for mark in ("<", ">", "(", "[", "\\l", "\\g", "\\mathbb")):
        return None
    text, name = tidied, None
    if member := _MEMBER.match(text):
        name, text = member[1], text[member.end() :]
    if text.strip() in _LINE:
        return Intervals((Piece("-\\infty", False, "\\infty", False),), name, True)
    pieces = _bracketed(text)
    if pieces is not None:
        open_ended = any("\\infty" in (p.low.lstrip("-"), p.high) or p.low_in != p.high_in for p in pieces)
        return Intervals(tuple(pieces), name, name is not None or open_ended or "\\cup" in text)
    return None if name else _inequalities(text)


def equal(a: Intervals, b: Intervals, same: Callable[[str, str], bool]) -> bool:
    """Tells whether two unions have the same pieces, in any order; symmetric where `same` is."""
    if a.name and b.name and a.name != b.name:
        return False
    left = list(_normal(b.pieces))
    for piece in _normal(a.pieces):
        twin = next((other for other in left if _same_piece(piece, other, same)), None)
        if twin is None:
            return False
        left.remove(twin)
    return not left


def _normal(pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
    """Gives a union of the same points in as few pieces as there can be, rising, where all its ends are numbers."""
    valued = [(_number(piece.low), not piece.low_in, _number(piece.high), piece.high_in, piece) for piece in pieces]
    if len(pieces) < 2 or any(math.isnan(low) or math.isnan(high) or low > high for low, _, high, _, _ in valued):
        return pieces
    found: list[Piece] = []
    top: tuple[float | Fraction, bool] = (-math.inf, False)
    for low, low_out, high, high_in, piece in sorted(valued, key=lambda one: one[:4]):
        if not found or low > top[0] or (low == top[0] and low_out and not top[1]):
            found.append(piece)
            top = high, high_in
        elif (high, high_in) > top:
            found[-1] = replace(found[-1], high=piece.high, high_in=high_in)
            top = high, high_in
    return tuple(found)


def _number(end: str) -> float | Fraction:
    """Gives an end's value, NaN for one that is no plain number."""
    if end in ("\\infty", "-\\infty"):
        return math.inf if end == "\\infty" else -math.inf
    value = read_value(end)
    return value.value if isinstance(value, Number) else math.nan


def _same_piece(a: Piece, b: Piece, same: Callable[[str, str], bool]) -> bool:
    return (a.low_in, a.high_in) == (b.low_in, b.high_in) and all(
        x == y or ("\\infty" not in (x.lstrip("-"), y.lstrip("-")) and same(x, y))
        for x, y in ((a.low, b.low), (a.high, b.high))
    )


def _end(text: str) -> str:
    text = text.strip()
    return "\\infty" if text in _PLUS else "-\\infty" if text in _MINUS else text


def _piece(low: str, low_in: bool, high: str, high_in: bool) -> Piece:
    low, high = _end(low), _end(high)
    return Piece(low, low_in and low != "-\\infty", high, high_in and high != "\\infty")


def _bracketed(text: str) -> list[Piece] | None:
    parts = _CUP.split(text)
    if len(parts) > MAX_PIECES:
        return None
    pieces = []
    for part in map(str.strip, parts):
        if part.startswith("\\{") and part.endswith("\\}") and len(parts) > 1:
            pieces += [_piece(point, True, point, True) for point in split(part[2:-2])]
            continue
        if len(part) < 5 or part[0] not in "([" or part[-1] not in ")]" or not encloses(part[1:-1]):
            return None
        ends = split(part[1:-1].replace(";", ","))
        if len(ends) != 2 or not all(map(str.strip, ends)):
            return None
        pieces.append(_piece(ends[0], part[0] == "[", ends[1], part[-1] == "]"))
    return pieces


def _inequalities(text: str) -> Intervals | None:
    pieces, names = [], set()
    for part in _OR.split(text)[: MAX_PIECES + 1]:
        part = part.strip()
        if match := _RISING.fullmatch(part):
            low, low_sign, name, high_sign, high = match.groups()
        elif match := _FALLING.fullmatch(part):
            high, high_sign, name, low_sign, low = match.groups()
        else:
            return None
        if not (low or high) or "," in part or "=" in re.sub(r"[<>]=", "", part):
            return None
        if (low and _has_name(low, name)) or (high and _has_name(high, name)):
            return None
        names.add(name)
        pieces.append(
            _piece(low or "-\\infty", _closed(low_sign), high or "\\infty", _closed(high_sign)),
        )
    return Intervals(tuple(pieces), names.pop(), True) if len(names) == 1 else None


def _has_name(text: str, name: str) -> bool:
    """Tells whether a variable stands in a text, so that the text is no end of an interval for it."""
    return re.search(rf"(?<![A-Za-z\\]){re.escape(name)}(?![A-Za-z])", text) is not None


def _closed(sign: str | None) -> bool:
    return sign is not None and ("=" in sign or sign.startswith(("\\le", "\\ge")))
