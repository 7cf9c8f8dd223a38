r"""Rational numbers as people and models write them: `1{,}000`, `\frac12`, `2\frac{1}{2}`, `0.\overline{3}`, `12\%`."""

import re
from dataclasses import dataclass
from fractions import Fraction

from verifiers.units import split_unit

MAX_DIGITS = 1000
"""Digits of one number; conversion of longer ones is quadratic."""

MAX_POWER_OF_TEN = 300
"""Exponent of a number in scientific notation."""


@dataclass(frozen=True, slots=True)
class Number:
    """A rational number; `decimal` when written with a decimal point, `percent` when followed by a percent sign."""

    value: Fraction
    decimal: bool = False
    percent: bool = False


_PERCENT = re.compile(r"\s*(?:\\?%|\\text\{\s*(?:percent|percentage|pct)\s*\}|\b(?:percentage|percent|pct)\b)\s*$")
_INTEGER = r"(?:[1-9]\d{0,2}(?:,\d{3})+|[1-9]\d{0,2}(?: \d{3})+|\d+)"
_SIMPLE = re.compile(rf"([+-]?)\s*(?:({_INTEGER})(\.\d*)?|(\.\d+))")
_REPEATING = re.compile(r"([+-]?)\s*(\d*)\.(\d*)\\(?:overline|bar|dot)\s*\{?(\d+)\}?")
_SCIENTIFIC = re.compile(
    r"([+-]?\d+(?:\.\d+)?)(?:\s*(?:\\times|\\cdot|\*)\s*10\s*(?:\^|\*\*)\s*\{?\s*([+-]?\d+)\s*\}?|[eE]([+-]?\d+))"
)
_FRACTION = re.compile(
    rf"([+-]?)\s*(?:(\d+)\s*(?=\\frac)|(\d+)\s+(?=\d+\s*/))?(?:\\frac\s*(?:\{{\s*([+-]?\s*{_INTEGER})\s*\}}|(\d))\s*"
    rf"(?:\{{\s*([+-]?\s*{_INTEGER})\s*\}}|(\d))|({_INTEGER})\s*/\s*({_INTEGER}))"
)


def read_number(text: str) -> Number | None:
    """Gives the number that a tidied text is, with a unit behind it or not; None where it is none."""
    if text.isdecimal() and text.isascii() and len(text) <= MAX_DIGITS:
        return Number(Fraction(int(text)))
    if len(text) > MAX_DIGITS + 100:
        return None
    percent = _PERCENT.search(text)
    if percent:
        text = text[: percent.start()]
    elif text[-1:].isalpha() or text.endswith(("}", "2", "3")):
        text, _ = split_unit(text)
    text = text.strip()
    if len(text) > MAX_DIGITS:
        return None
    if match := _SIMPLE.fullmatch(text):
        sign, whole, fraction, bare = match.groups()
        digits = (whole or "0").replace(",", "").replace(" ", "") + (fraction or bare or "").rstrip(".")
        value = Fraction(digits)
        decimal = bool(bare) or fraction not in (None, ".")
    elif match := _FRACTION.fullmatch(text):
        sign, w1, w2, a1, a2, b1, b2, a3, b3 = match.groups()
        above, below = _int(a1 or a2 or a3), _int(b1 or b2 or b3)
        if below == 0 or ((w1 or w2) and (above < 0 or below < 0)):
            return None
        value, decimal = Fraction(above, below) + int(w1 or w2 or 0), False
    elif match := _REPEATING.fullmatch(text):
        sign, whole, fixed, period = match.groups()
        value = Fraction(int(period), (10 ** len(period) - 1) * 10 ** len(fixed)) + Fraction(f"{whole or 0}.{fixed}")
        decimal = False
    elif match := _SCIENTIFIC.fullmatch(text):
        power = match[2] or match[3]
        if len(power) > 4 or abs(int(power)) > MAX_POWER_OF_TEN:
            return None
        sign, value, decimal = "+", Fraction(match[1]) * Fraction(10) ** int(power), "." in match[1] or int(power) < 0
    else:
        return None
    return Number(-value if sign == "-" else value, decimal, percent is not None)


def _int(digits: str) -> int:
    return int(digits.replace(",", "").replace(" ", ""))
