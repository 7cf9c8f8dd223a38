r"""Answers that need no algebra: numbers, fractions, percentages, and lists, sets, tuples and matrices of them.

`read` knows the ways in which people and models write such values (`1{,}000`, `\frac12`, `2\frac{1}{2}`,
`0.\overline{3}`, `1.5 \times 10^3`, `x = 1 or x = 2`) and gives None for everything else, without an attempt at it;
`read_terms` keeps what is no number as a term for the algebra, inside the same lists, sets, tuples and matrices.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from verifiers.numbers import Number, read_number

MAX_CHARS = 20_000
"""Length of an answer that is read at all."""

MAX_DEPTH = 3
"""A tuple of sets of tuples; what nests deeper is not plain."""

MAX_PAIRS = 10_000
"""Comparisons of elements that a set is worth; larger sets compare in order."""


@dataclass(frozen=True, slots=True)
class Term:
    """What is left to the algebra."""

    text: str


@dataclass(frozen=True, slots=True)
class Row:
    r"""Several values; `brackets`: `,` for a bare list, `{}` a set, `m` a matrix of rows, else as written.

    `names` are those of the variables, where each value is assigned to one of its own: `x = 1, y = 2`.
    """

    brackets: str
    items: tuple["Value", ...]
    names: tuple[str, ...] = ()


Leaf = Number | Term
Value = Leaf | Row
Same = Callable[[Leaf, Leaf], bool]

_JOINTS = re.compile(
    r",?\s*(?:\\(?:text(?:normal|rm|bf)?|mathrm|mbox)\s*\{\s*,?\s*(?:and|or)\s*\}|(?<![A-Za-z\\])(?:and|or)(?![A-Za-z])"
    r"|\\(?:vee|lor)(?![A-Za-z]))\s*|;"
)
_VARIABLE = r"(?:[A-Za-z]\w{0,2}(?:_\{?\w{1,3}\}?)?'?|\\[a-z]{2,7}|\|?[A-Z]{2,3}\|?|\\angle [A-Z]{1,3})"
_ASSIGNED = re.compile(
    rf"({_VARIABLE}(?:\({_VARIABLE}\))?|\({_VARIABLE}(?:\s*,\s*{_VARIABLE})+\))\s*(?:=|\\in(?![A-Za-z]))\s*"
)
_NAME = re.compile(_VARIABLE)
_MATRIX = re.compile(
    r"[(\[]?\s*\\begin\{(?:([pbB]?(?:small)?matrix)\}|(array)\}(?:\{[^{}]*\})?)(.*)\\end\{(?:[pbB]?(?:small)?matrix|array)\}\s*[)\]]?",
    re.DOTALL,
)
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?")
_SUBSCRIPT = re.compile(r"_?\{?\d+\}?$")
_THOUSANDS = re.compile(r"(?<=\d),\d{3}(?!\d)")
_MARKS = re.compile(r"\\?[{}]|\\[lr]angle(?![A-Za-z])|[()\[\]]|,")
_OPENING = frozenset(("(", "[", "{", "\\{", "\\langle"))
_CHANGE = {",": 0} | dict.fromkeys(_OPENING, 1)


def split_name(tidied: str) -> tuple[str | None, str]:
    r"""Gives the variable of an answer that names one (`x = 5`, `5 = x`, `x \in [0, 1]`), and the answer without it."""
    match = _ASSIGNED.match(tidied)
    if match is None and "=" in tidied:  # 5 = x
        left, _, right = (part.strip() for part in tidied.partition("="))
        if _NAME.fullmatch(right) and read_number(left) is not None:
            return right, left
    if match:
        rest = tidied[match.end() :]
        one = "," not in rest or (rest[:1] in ("(", "[", "\\") and len(split(rest)) == 1) or _GROUPED.fullmatch(rest)
        if rest and "=" not in rest and one:
            return "".join(match[1].split()), rest
    return None, tidied


def read(tidied: str) -> Value | None:
    """Gives the value of a tidied answer, None where it is not a plain one."""
    return _whole(tidied, False)


def read_terms(tidied: str) -> Value | None:
    """Gives the value of a tidied answer, with what is no number kept as terms; None where it is too long."""
    return _whole(tidied, True)


def leaves(value: Value) -> list[Leaf]:
    """Gives the numbers and terms of a value, in their order."""
    return [leaf for item in value.items for leaf in leaves(item)] if isinstance(value, Row) else [value]


def equal(a: Value, b: Value, same: Same, ordered: bool = False) -> bool:
    """Tells whether two values are the same answer; symmetric where `same` is.

    Lists and sets compare without order or repeats, a tuple with a list in order; a one-element list or set is its
    element. `ordered`: the answer is declared a tuple, so brackets do not matter and order always does.
    """
    if not isinstance(a, Row):
        return equal(b, a, same, ordered) if isinstance(b, Row) else same(a, b)
    if not isinstance(b, Row):
        return a.brackets in (",", "{}") and len(a.items) == 1 and equal(a.items[0], b, same)
    if a.names and b.names and set(a.names) == set(b.names):
        return all(equal(item, b.items[b.names.index(n)], same) for n, item in zip(a.names, a.items, strict=True))
    if a.names or b.names:
        return not (a.names and b.names) and _in_order(a, b, same)
    loose = (",", "{}")
    if ordered and "m" not in (a.brackets, b.brackets) and "{}" not in (a.brackets, b.brackets):
        return _in_order(a, b, same)
    if a.brackets in loose and b.brackets in loose:
        return _same_elements(a.items, b.items, same)
    if a.brackets in loose and len(a.items) == 1:
        return equal(a.items[0], b, same)
    if b.brackets in loose and len(b.items) == 1:
        return equal(a, b.items[0], same)
    if a.brackets == b.brackets or ("," in (a.brackets, b.brackets) and {a.brackets, b.brackets} & {"()", "[]"}):
        return _in_order(a, b, same)
    return False


def in_base(squeezed: str) -> tuple[str, int] | None:
    """Gives digits and base of a number like `4210_5`; the base is at most 36."""
    match = re.fullmatch(r"([0-9A-Z]{1,200})_\{?(\d{1,2})\}?", squeezed)
    return (match[1], int(match[2])) if match and 2 <= int(match[2]) <= 36 else None


def with_decimal_comma(tidied: str) -> Number | None:
    """Gives the number of a text like `1,22`, which is a list of two integers as well."""
    return read_number(tidied.replace(",", ".")) if re.fullmatch(r"[+-]?\d+,\d\d+", tidied) else None


def split(text: str) -> list[str]:
    """Splits at commas outside of brackets; where some have a space behind, those without may group thousands."""
    spaced = ", " in text
    parts, depth, start = [], 0, 0
    for match in _MARKS.finditer(text):
        mark = match[0]
        if mark in _OPENING:
            depth += 1
        elif mark != ",":
            depth -= 1
        elif depth == 0 and not (spaced and _THOUSANDS.match(text, match.start())):
            parts.append(text[start : match.start()])
            start = match.end()
    parts.append(text[start:])
    return parts


def _whole(text: str, terms: bool) -> Value | None:
    if len(text) > MAX_CHARS:
        return None
    if "," in text or ";" in text or "and" in text or "or" in text or "\\vee" in text:
        text = _JOINTS.sub(",", text)
    return _read(text.strip(), MAX_DEPTH, terms)


def _read(text: str, depth: int, terms: bool) -> Value | None:
    number = read_number(text)
    if number is not None or not text:
        return number
    if depth == 0:
        return Term(text) if terms else None
    found = _bracketed(text, depth, terms)
    if found is None and "," in text:
        found = _row(",", text, depth, terms)
    if found is None and "\\pm" in text and text.count("\\pm") == 1 and "\\mp" not in text:
        plus, minus = (_read(text.replace("\\pm", sign).lstrip("+ "), depth, terms) for sign in "+-")
        if plus is not None and minus is not None:
            return Row(",", (plus, minus))
    return Term(text) if found is None and terms else found


def _bracketed(text: str, depth: int, terms: bool) -> Value | None:
    if text.lstrip("([ ").startswith("\\begin"):
        return _matrix(text, terms)
    if text in ("\\emptyset", "\\varnothing"):
        return Row("{}", ())
    for opening, closing, brackets in (("\\{", "\\}", "{}"), ("\\langle", "\\rangle", "()")):
        if text.startswith(opening) and text.endswith(closing) and encloses(text[len(opening) : -len(closing)]):
            return _row(brackets, text[len(opening) : -len(closing)], depth, terms)
    if text[0] == "{" and text[-1] == "}" and encloses(text[1:-1]):
        return _read(text[1:-1].strip(), depth - 1, terms)
    if text[0] in "([" and text[-1] in ")]" and encloses(text[1:-1]):
        row = _row(text[0] + text[-1], text[1:-1], depth, terms)
        if row is None or len(row.items) > 1:
            return row
        return row.items[0] if row.brackets == "()" else None
    return None


def _row(brackets: str, inner: str, depth: int, terms: bool) -> Row | None:
    parts = [part.strip() for part in split(inner)]
    if brackets == "," and len(parts) == 1:
        return None
    if not inner.strip():
        return Row("{}", ()) if brackets == "{}" else None
    names: tuple[str, ...] = ()
    if brackets in (",", "{}") and "=" in inner:
        assigned = [split_name(part) for part in parts]
        found = [name for name, _ in assigned if name]
        bases = {name if "(" in name else _SUBSCRIPT.sub("", name) for name in found}
        if len(found) == len(parts) and (len(bases) == 1 or len(set(found)) == len(parts)):
            parts = [rest for _, rest in assigned]
            names = tuple(found) if len(bases) > 1 else ()  # x_1 = 2, x_2 = 3: the solutions of one equation
    items: list[Value] = []
    for part in parts:
        item = _read(part, depth - 1, terms)
        if item is None:
            return None
        if isinstance(item, Row) and item.brackets == "," and brackets in (",", "{}") and not names:
            items.extend(item.items)  # -2, 1 \pm \sqrt{5}
        else:
            items.append(item)
    return Row(brackets, tuple(items), names)


def encloses(text: str) -> bool:
    """Tells whether the brackets around a text are each other's, so that it is not `1) and (2`."""
    depth = 0
    for match in _MARKS.finditer(text):
        depth += _CHANGE.get(match[0], -1)
        if depth < 0:
            return False
    return depth == 0


def _matrix(text: str, terms: bool) -> Row | None:
    match = _MATRIX.fullmatch(text)
    if match is None or "\\begin" in match[3]:
        return None
    rows = []
    for line in re.split(r"\\\\", match[3].replace("\\hline", "").strip().removesuffix("\\\\")):
        cells = [_read(cell.strip(), 0, terms) for cell in line.split("&")]
        if any(cell is None for cell in cells):
            return None
        rows.append(Row("r", tuple(cell for cell in cells if cell is not None)))
    return Row("m", tuple(rows))


def _in_order(a: Row, b: Row, same: Same) -> bool:
    return len(a.items) == len(b.items) and all(equal(x, y, same) for x, y in zip(a.items, b.items, strict=True))


def _same_elements(a: tuple[Value, ...], b: tuple[Value, ...], same: Same) -> bool:
    if all(isinstance(x, Number) and not x.decimal and not x.percent for x in a + b) and set(a) == set(b):
        return True
    if len(a) * len(b) > MAX_PAIRS:
        return len(a) == len(b) and all(equal(x, y, same) for x, y in zip(a, b, strict=True))
    return all(any(equal(x, y, same) for y in b) for x in a) and all(any(equal(x, y, same) for x in a) for y in b)
