"""Derivatives, with their closed forms, and definite sums."""

import random
from fractions import Fraction

from generators.algebra.draws import nonzero, proper
from generators.algebra.problem import (
    INTEGER,
    RATIONAL,
    Problem,
    latex_number,
    latex_polynomial,
    latex_sum,
)


def derivative(rng: random.Random, level: int) -> Problem:
    """Gives a function to differentiate.

    Levels: 1 a polynomial; 2 a power of a linear term; 3 a polynomial times an exponential; 4 a quotient; 5 the second
    derivative of a linear term times a sine or cosine.
    """
    x = rng.choice(("x", "t", "u"))
    function, answer, numbers = _DERIVATIVES[level - 1](rng, x)
    name = rng.choice(("f", "g", "h"))
    order, mark = ("second derivative", "''") if level == 5 else ("derivative", "'")
    statement = rng.choice(
        (
            f"Let ${name}({x}) = {function}$. Find ${name}{mark}({x})$.",
            f"What is the {order} of ${name}({x}) = {function}$ with respect to ${x}$?",
            f"Compute the {order} of the function ${name}({x}) = {function}$.",
        )
    )
    form = f"Give the answer as an expression in ${x}$, without the function's name or an equals sign."
    return Problem(statement, answer, "expression", form, ["derivative", level, *numbers])


_Derivative = tuple[str, str, list[int]]


def _polynomial(rng: random.Random, x: str) -> _Derivative:
    coefficients = [nonzero(rng, 12) for _ in range(rng.randint(3, 4))]
    return latex_polynomial(coefficients, x), latex_polynomial(_derive(coefficients), x), coefficients


def _power(rng: random.Random, x: str) -> _Derivative:
    a, b, power, scale = nonzero(rng, 9, 2), nonzero(rng, 12), rng.randint(3, 8), nonzero(rng, 9, 2)
    inner = f"({latex_sum([(a, x), (b, '')])})"
    function = f"{scale}{inner}^{{{power}}}"
    return function, f"{scale * power * a}{inner}^{{{power - 1}}}", [scale, a, b, power]


def _exponential(rng: random.Random, x: str) -> _Derivative:
    p, rate = [nonzero(rng, 9) for _ in range(3)], nonzero(rng, 7, 2)
    derived = [rate * c + d for c, d in zip(p, [0, *_derive(p)], strict=True)]
    tail = f"e^{{{rate}{x}}}"
    return f"({latex_polynomial(p, x)}){tail}", f"({latex_polynomial(derived, x)}){tail}", [*p, rate]


def _quotient(rng: random.Random, x: str) -> _Derivative:
    a, b = nonzero(rng, 9), nonzero(rng, 9)
    c, d, e = nonzero(rng, 7), nonzero(rng, 7), nonzero(rng, 7)
    below = latex_polynomial([c, d, e], x)
    above = latex_polynomial([-a * c, -2 * b * c, a * e - b * d], x)
    function = rf"\frac{{{latex_sum([(a, x), (b, '')])}}}{{{below}}}"
    return function, rf"\frac{{{above}}}{{({below})^{{2}}}}", [a, b, c, d, e]


def _wave(rng: random.Random, x: str) -> _Derivative:
    a, b, c = nonzero(rng, 9), nonzero(rng, 9), rng.randint(2, 9)
    sine = rng.random() < 0.5
    wave, other = (rf"\sin({c}{x})", rf"\cos({c}{x})")[:: 1 if sine else -1]
    function = f"({latex_sum([(a, x), (b, '')])}){wave}"
    inner = latex_sum([(-a * c * c, x), (-b * c * c, "")])
    answer = f"({inner}){wave}" + latex_sum([(1, " "), (2 * a * c if sine else -2 * a * c, other)])[1:]
    return function, answer, [a, b, c, int(sine)]


_DERIVATIVES = (_polynomial, _power, _exponential, _quotient, _wave)


def _derive(coefficients: list[int]) -> list[int]:
    top = len(coefficients) - 1
    return [coefficient * (top - place) for place, coefficient in enumerate(coefficients[:-1])]


def definite_sum(rng: random.Random, level: int) -> Problem:
    """Gives a sum with fixed bounds.

    Levels: 1 an arithmetic series; 2 squares; 3 powers of an integer; 4 powers of a fraction; 5 a telescoping series.
    """
    k = rng.choice(("k", "j", "m"))
    body, low, high, value, numbers = _SUMS[level - 1](rng, k)
    term = rf"\sum_{{{k}={low}}}^{{{high}}} {body}"
    statement = rng.choice(
        (
            f"Evaluate ${term}$.",
            f"What is the value of ${term}$?",
            f"Compute the sum ${term}$ exactly.",
        )
    )
    kind, form = ("integer", INTEGER) if level <= 3 else ("rational", RATIONAL)
    return Problem(statement, latex_number(value), kind, form, ["sum", level, low, high, *numbers])


_Sum = tuple[str, int, int, Fraction, list[int]]


def _arithmetic(rng: random.Random, k: str) -> _Sum:
    a, b, high = rng.randint(2, 12), nonzero(rng, 20), rng.randint(8, 60)
    value = a * high * (high + 1) // 2 + b * high
    return f"({latex_sum([(a, k), (b, '')])})", 1, high, Fraction(value), [a, b]


def _squares(rng: random.Random, k: str) -> _Sum:
    a, b, c, high = rng.randint(1, 6), nonzero(rng, 9), nonzero(rng, 20), rng.randint(8, 40)
    squares = high * (high + 1) * (2 * high + 1) // 6
    value = a * squares + b * high * (high + 1) // 2 + c * high
    return f"({latex_polynomial([a, b, c], k)})", 1, high, Fraction(value), [a, b, c]


def _integer_powers(rng: random.Random, k: str) -> _Sum:
    ratio, low = rng.randint(2, 5), rng.randint(0, 4)
    high = low + rng.randint(4, 7)
    a, b = rng.randint(2, 12), nonzero(rng, 20)
    value = a * (ratio ** (high + 1) - ratio**low) // (ratio - 1) + b * (high - low + 1)
    return (
        rf"({a} \cdot {ratio}^{{{k}}}{latex_sum([(1, ' '), (b, '')])[1:]})",
        low,
        high,
        Fraction(value),
        [a, b, ratio],
    )


def _fraction_powers(rng: random.Random, k: str) -> _Sum:
    ratio, high, a = proper(rng, 9, 7), rng.randint(3, 5), rng.randint(2, 30)
    value = a * (1 - ratio ** (high + 1)) / (1 - ratio)
    power = rf"\left({latex_number(ratio)}\right)^{{{k}}}"
    return rf"{a} \cdot {power}", 0, high, value, [a, ratio.numerator, ratio.denominator]


def _telescope(rng: random.Random, k: str) -> _Sum:
    a, b, c, high = rng.randint(1, 7), rng.randint(1, 9), rng.randint(1, 12), rng.randint(10, 80)
    value = Fraction(c * high, (a + b) * (a * high + a + b))
    first, second = latex_sum([(a, k), (b, "")]), latex_sum([(a, k), (a + b, "")])
    return rf"\frac{{{c}}}{{({first})({second})}}", 1, high, value, [a, b, c]


_SUMS = (_arithmetic, _squares, _integer_powers, _fraction_powers, _telescope)
