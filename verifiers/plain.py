r"""Answers that need no algebra: numbers, fractions, percentages, and lists, sets, tuples and matrices of them.

`read` knows the ways in which people and models write such values (`1{,}000`, `\$5`, `\frac12`, `2\frac{1}{2}`,
`\text{ cm}`, `45^\circ`, `x = 5`) and gives None for everything else, without an attempt at it.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

MAX_DIGITS = 1000
"""Digits of one number; conversion of longer ones is quadratic."""

MAX_CHARS = 20_000
"""Length of an answer that is read at all."""


MAX_DEPTH = 3
"""A tuple of sets of tuples; what nests deeper is not plain."""


@dataclass(frozen=True, slots=True)
class Number:
    """A rational number; `decimal` when written with a decimal point, `percent` when followed by a percent sign."""

    value: Fraction
    decimal: bool = False
    percent: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    r"""Several values; `brackets`: `,` for a bare list, `{}` a set, `m` a matrix of rows, else as written."""

    brackets: str
    items: tuple["Value", ...]


Value = Number | Row

_WRAPPERS = re.compile(
    r"\\(?:left|right|displaystyle|quad|qquad)(?![A-Za-z])|(?<!\\)\\(?:!\s*|[,;: ()\[\]])|\\?\$|\*\*"
    r"|[€£¥~]|\^\s*\{?\s*\\circ\s*\}?|°"
)
_TEXT = re.compile(r"\\(?:text(?:normal|bf|it|rm|up)?|mathrm|mathbf|mathit|mbox|operatorname)\s*\{([^{}]*)\}")
_JOINTS = re.compile(r",?\s*(?:\\text\s*\{\s*,?\s*(?:and|or)\s*\}|(?<![A-Za-z\\])(?:and|or)(?![A-Za-z]))\s*|;")
_TRAILING_UNIT = re.compile(r"(?<=[\d}%])\s*\\(?:text(?:normal|bf|it|rm|up)?|mathrm|mbox)\s*\{[^{}]*\}(?:\^\{?\d\}?)?$")
_UNIT_WORD = re.compile(
    r"(?<=[\d}])\s+(?!sqrt|infty)(?:[A-Za-z]{4,}|[cmk]m|[mk]?g|ft|in|mph|lbs?|oz|sec|min|hrs?|yd|m[lL]|days?)"
    r"(?: [A-Za-z]{2,})*(?:\^\{?[23]\}?)?$"
)
_PERCENT_WORD = re.compile(
    r"\s*(?:\\%|%|\\text\{\s*(?:percent|percentage|pct)\s*\}|\b(?:percentage|percent|pct)\b)\s*$"
)


def without_unit(text: str) -> str:
    r"""Gives an answer without the unit behind its last digit or brace: `5\text{ cm}^2`, `125 miles`."""
    match = _TRAILING_UNIT.search(text) or _UNIT_WORD.search(text)
    return text[: match.start()].rstrip() if match else text


def tidy(text: str) -> str:
    r"""Gives an answer without what only dresses it: `$`, spacing, `\left`, degree signs, a final full stop."""
    if text.isdecimal():
        return text
    text = " ".join(text.replace("−", "-").split())  # no runs of spaces: patterns stay linear
    if "{,}" in text:
        text = re.sub(r"(?<=\d)\{,\}(?=\d{3}(?!\d))", "", text).replace("{,}", ".")
    for long, short in (("\\dfrac", "\\frac"), ("\\tfrac", "\\frac"), ("\\cfrac", "\\frac")):
        if long in text:
            text = text.replace(long, short)
    text = _WRAPPERS.sub(lambda m: " " if m[0] in ("\\ ", "~", "\\;", "\\quad", "\\qquad") else "", text).strip()
    text = text.rstrip(".").rstrip() if text.endswith(".") else text
    return _ORDINAL.sub("", text) if text.endswith(("st", "nd", "rd", "th", "}")) else text


def squeeze(tidied: str) -> str:
    r"""Gives a text in which two answers that differ in spaces, braces of one character and text commands are equal."""
    text = _TEXT.sub(r"\1", tidied)
    text = re.sub(r"\s+(?![A-Za-z])|(?<![A-Za-z])\s+", "", text)
    return re.sub(r"([_^])\{(\w)\}", r"\1\2", text)


_INTEGER = r"(?:[1-9]\d{0,2}(?:,\d{3})+|\d+)"
_SIMPLE = re.compile(rf"([+-]?)\s*(?:({_INTEGER})(\.\d*)?|(\.\d+))")
_FRACTION = re.compile(
    rf"([+-]?)\s*(?:(\d+)\s*(?=\\frac)|(\d+)\s+(?=\d+\s*/))?(?:\\frac\s*(?:\{{\s*([+-]?\s*{_INTEGER})\s*\}}|(\d))\s*"
    rf"(?:\{{\s*([+-]?\s*{_INTEGER})\s*\}}|(\d))|({_INTEGER})\s*/\s*({_INTEGER}))"
)
_ORDINAL = re.compile(r"(?<=\d)\s*\^?\{?\s*(?:\\(?:text|mathrm|rm|textsuperscript)\s*)?\{?(?:st|nd|rd|th)\}{0,2}$")
_VARIABLE = r"(?:[A-Za-z]\w{0,2}(?:_\{?\w{1,3}\}?)?|\\[a-z]{2,7})"
_ASSIGNED = re.compile(
    rf"({_VARIABLE}(?:\({_VARIABLE}\))?|\({_VARIABLE}(?:\s*,\s*{_VARIABLE})+\))\s*(?:=|\\in(?![A-Za-z]))\s*"
)
_MATRIX = re.compile(r"\\begin\{([pbB]?matrix)\}(.*)\\end\{\1\}", re.DOTALL)


def split_name(tidied: str) -> tuple[str | None, str]:
    r"""Gives the variable of an answer that names one (`x = 5`, `x \in [0, 1]`), and the answer without it."""
    match = _ASSIGNED.match(tidied)
    if match:
        rest = tidied[match.end() :]
        if "=" not in rest and ("," not in rest or (rest[0] in "([\\" and len(_split(rest)) == 1)):
            return squeeze(match[1]), rest
    return None, tidied


def read(tidied: str) -> Value | None:
    """Gives the value of a tidied answer, None where it is not a plain one."""
    if len(tidied) > MAX_CHARS:
        return None
    if "," in tidied or ";" in tidied or "and" in tidied or "or" in tidied:
        tidied = _JOINTS.sub(",", tidied)
    return _read(tidied.strip(), MAX_DEPTH)


def _read(text: str, depth: int) -> Value | None:
    number = _number(text)
    if number is not None or not text or depth == 0:
        return number
    if text.startswith("\\begin"):
        return _matrix(text)
    if text.startswith("\\{") and text.endswith("\\}") and _encloses(text[2:-2]):
        return _row("{}", text[2:-2], depth)
    if text[0] in "([" and text[-1] in ")]" and _encloses(text[1:-1]):
        row = _row(text[0] + text[-1], text[1:-1], depth)
        if row is None or len(row.items) > 1:
            return row
        return row.items[0] if row.brackets == "()" else None
    return _row(",", text, depth) if "," in text else None


def _number(text: str) -> Number | None:
    if text.isdecimal() and text.isascii() and len(text) <= MAX_DIGITS:
        return Number(Fraction(int(text)))
    if len(text) > MAX_DIGITS + 100:
        return None
    percent = _PERCENT_WORD.search(text)
    if percent:
        text = text[: percent.start()]
    elif text[-1:].isalpha() or text.endswith(("}", "2", "3")):
        text = without_unit(text)
    text = text.strip()
    if len(text) > MAX_DIGITS:
        return None
    if match := _SIMPLE.fullmatch(text):
        sign, whole, fraction, bare = match.groups()
        digits = (whole or "0").replace(",", "") + (fraction or bare or "").rstrip(".")
        value = Fraction(digits)
        decimal = bool(bare) or fraction not in (None, ".")
        return Number(-value if sign == "-" else value, decimal, percent is not None)
    if match := _FRACTION.fullmatch(text):
        sign, w1, w2, a1, a2, b1, b2, a3, b3 = match.groups()
        above, below = _int(a1 or a2 or a3), _int(b1 or b2 or b3)
        if below == 0 or ((w1 or w2) and (above < 0 or below < 0)):
            return None
        value = Fraction(above, below) + int(w1 or w2 or 0)
        return Number(-value if sign == "-" else value, False, percent is not None)
    return None


def _int(digits: str) -> int:
    return int(digits.replace(",", "").replace(" ", ""))


def _row(brackets: str, inner: str, depth: int) -> Row | None:
    parts = _split(inner)
    if brackets == "," and len(parts) == 1:
        return None
    items = []
    for part in parts:
        item = _read(part.strip(), depth - 1)
        if item is None:
            return None
        items.append(item)
    return Row(brackets, tuple(items))


def _split(text: str) -> list[str]:
    """Splits at commas outside of brackets; where some have a space behind, those without may group thousands."""
    spaced = ", " in text
    parts, depth, start = [], 0, 0
    for match in _MARKS.finditer(text):
        mark = match[0]
        if mark in ("(", "[", "{", "\\{"):
            depth += 1
        elif mark != ",":
            depth -= 1
        elif depth == 0 and not (spaced and _THOUSANDS.match(text, match.start())):
            parts.append(text[start : match.start()])
            start = match.end()
    parts.append(text[start:])
    return parts


_THOUSANDS = re.compile(r"(?<=\d),\d{3}(?!\d)")
_MARKS = re.compile(r"[()\[\]]|\\?[{}]|,")


def _encloses(text: str) -> bool:
    """Tells whether the brackets around a text are each other's, so that it is not `1) and (2`."""
    depth = 0
    for match in _MARKS.finditer(text):
        depth += {",": 0, "(": 1, "[": 1, "{": 1, "\\{": 1}.get(match[0], -1)
        if depth < 0:
            return False
    return depth == 0


def _matrix(text: str) -> Row | None:
    match = _MATRIX.fullmatch(text)
    if match is None:
        return None
    rows = []
    for line in re.split(r"\\\\", match[2].strip().removesuffix("\\\\")):
        cells = [_number(cell.strip()) for cell in line.split("&")]
        if any(cell is None for cell in cells):
            return None
        rows.append(Row("r", tuple(cell for cell in cells if cell is not None)))
    return Row("m", tuple(rows))


def in_base(squeezed: str) -> tuple[str, int] | None:
    """Gives digits and base of a number like `4210_5`; the base is at most 36."""
    match = re.fullmatch(r"([0-9A-Z]{1,200})_\{?(\d{1,2})\}?", squeezed)
    return (match[1], int(match[2])) if match and 2 <= int(match[2]) <= 36 else None


def with_decimal_comma(tidied: str) -> Number | None:
    """Gives the number of a text like `1,22`, which is a list of two integers as well."""
    return _number(tidied.replace(",", ".")) if re.fullmatch(r"[+-]?\d+,\d\d+", tidied) else None


def equal(a: Value, b: Value, ordered: bool = False) -> bool:
    """Tells whether two values are the same answer; symmetric.

    Lists and sets compare without order or repeats, a tuple with a list in order; a one-element list or set is its
    element. `ordered`: the answer is declared a tuple, so brackets do not matter and order always does.
    """
    if isinstance(a, Number) and isinstance(b, Number):
        return _same_number(a, b)
    if isinstance(a, Number) or isinstance(b, Number):
        number, row = (a, b) if isinstance(a, Number) else (b, a)
        if not isinstance(row, Row) or not isinstance(number, Number):
            return False
        return row.brackets in (",", "{}") and all(equal(number, item) for item in row.items) and len(row.items) == 1
    if ordered and "m" not in (a.brackets, b.brackets) and "{}" not in (a.brackets, b.brackets):
        return _in_order(a, b)
    if a.brackets in (",", "{}") and b.brackets in (",", "{}"):
        return _same_elements(a.items, b.items)
    if a.brackets == b.brackets or ("," in (a.brackets, b.brackets) and {a.brackets, b.brackets} & {"()", "[]"}):
        return _in_order(a, b)
    return False


def _in_order(a: Row, b: Row) -> bool:
    return len(a.items) == len(b.items) and all(map(equal, a.items, b.items))


def _same_elements(a: tuple[Value, ...], b: tuple[Value, ...]) -> bool:
    if all(isinstance(x, Number) and not x.decimal and not x.percent for x in a + b):
        return set(a) == set(b)
    if len(a) * len(b) > 10_000:
        return len(a) == len(b) and all(map(equal, a, b))
    return all(any(equal(x, y) for y in b) for x in a) and all(any(equal(x, y) for x in a) for y in b)


def _same_number(a: Number, b: Number) -> bool:
    if a.percent != b.percent:  # 50% is 0.5, and where the question asks "how many percent" it is 50
        percent, other = (a, b) if a.percent else (b, a)
        bare = Number(percent.value, percent.decimal)
        return _same_number(bare, other) or _same_number(Number(percent.value / 100, percent.decimal), other)
    if a.value == b.value:
        return True
    if not (a.decimal or b.decimal):
        return False
    # Six decimals, as math-verify has it, but never so few significant digits that all small numbers are one.
    difference, size = abs(a.value - b.value), max(abs(a.value), abs(b.value))
    return difference < Fraction(1, 10**6) and difference < size / 1000
