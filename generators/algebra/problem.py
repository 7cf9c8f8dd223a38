"""A problem of the algebra generator, and the LaTeX it is written in."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

INTEGER = "Give the answer as one integer."
RATIONAL = r"Give the answer as a fraction in lowest terms, written $\frac{p}{q}$, or as an integer if it is one."


@dataclass(frozen=True, slots=True)
class Problem:
    """A question with its answer."""

    statement: str
    """The question, without a word on how to write the answer."""
    answer: str
    """The answer in LaTeX."""
    kind: str
    """What the answer is: integer, rational, expression, set or tuple."""
    form: str
    """How to write the answer, as a sentence."""
    structure: Sequence[Any]
    """The numbers that make the problem, in canonical order: the same for every wording and naming of it."""
    guess_rate: float | None = None
    """Chance that a blind guess among the possible answers is right, where their number is known."""


def latex_sum(terms: Iterable[tuple[int, str]]) -> str:
    """Gives coefficients with their symbols as a sum, `3x - y + 5`; the symbol of a constant is empty."""
    text = ""
    for coefficient, symbol in terms:
        if coefficient == 0:
            continue
        sign = (" - " if coefficient < 0 else " + ") if text else ("-" if coefficient < 0 else "")
        text += sign + (symbol if symbol and abs(coefficient) == 1 else f"{abs(coefficient)}{symbol}")
    return text or "0"


def latex_polynomial(coefficients: Sequence[int], x: str) -> str:
    """Gives a polynomial in x; coefficients from the highest power down to the constant."""
    top = len(coefficients) - 1
    powers = [f"{x}^{{{power}}}" if power > 1 else x if power else "" for power in range(top, -1, -1)]
    return latex_sum(zip(coefficients, powers, strict=True))


def latex_number(value: Fraction | int) -> str:
    r"""Gives a rational number: `-\frac{7}{12}`, or an integer."""
    value = Fraction(value)
    if value.denominator == 1:
        return str(value.numerator)
    return f"{'-' if value < 0 else ''}\\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"


def latex_set(values: Iterable[str]) -> str:
    return f"\\left\\{{{', '.join(values)}\\right\\}}"


def latex_tuple(values: Iterable[str]) -> str:
    return f"\\left({', '.join(values)}\\right)"
