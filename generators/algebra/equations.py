"""Linear and quadratic equations in one unknown, built from their solutions."""

import math
import random
from fractions import Fraction

from generators.algebra.draws import NAMES, nonzero, proper
from generators.algebra.problem import (
    INTEGER,
    RATIONAL,
    Problem,
    latex_number,
    latex_polynomial,
    latex_set,
    latex_sum,
)

_SET = r"Give all solutions as a set, written $\{a, b\}$, with exact values."

_SQUARE_FREE = (2, 3, 5, 6, 7, 10, 11, 13, 14, 15, 17, 19, 21, 22, 23, 26, 29, 30)


def linear(rng: random.Random, level: int) -> Problem:
    """Gives a linear equation.

    Levels: 1 ax + b = c; 2 the unknown on both sides; 3 brackets; 4 brackets on both sides, the solution a fraction;
    5 fractions on the way as well.
    """
    x = rng.choice(NAMES)
    root = Fraction(rng.randint(-20, 20)) if level <= 3 else proper(rng, 20, 9 if level == 4 else 5)
    equation, numbers = _LINEAR[level - 1](rng, x, root)
    statement = rng.choice(
        (
            f"Solve ${equation}$ for ${x}$.",
            f"Which number ${x}$ satisfies ${equation}$?",
            f"The equation ${equation}$ has exactly one solution. Find it.",
            f"Find ${x}$, given that ${equation}$.",
        )
    )
    kind, form = ("integer", INTEGER) if level <= 3 else ("rational", RATIONAL)
    return Problem(statement, latex_number(root), kind, form, ["linear", level, *numbers])


def _one_side(rng: random.Random, x: str, root: Fraction) -> tuple[str, list[int]]:
    a, b = rng.randint(2, 12), nonzero(rng, 30)
    c = int(a * root + b)
    return f"{latex_sum([(a, x), (b, '')])} = {c}", [a, b, c]


def _both_sides(rng: random.Random, x: str, root: Fraction) -> tuple[str, list[int]]:
    a, c = rng.sample([number for number in range(-12, 13) if abs(number) > 1], 2)
    b = nonzero(rng, 30)
    d = int((a - c) * root + b)
    return f"{latex_sum([(a, x), (b, '')])} = {latex_sum([(c, x), (d, '')])}", [a, b, c, d]


def _brackets(rng: random.Random, x: str, root: Fraction) -> tuple[str, list[int]]:
    while True:
        a, c, d = rng.randint(2, 9), rng.randint(2, 9), rng.randint(2, 5)
        if a != c * d:
            break
    b, e = nonzero(rng, 12), nonzero(rng, 12)
    f = int(a * (root + b) - c * (d * root + e))
    return f"{a}({latex_sum([(1, x), (b, '')])}) - {c}({latex_sum([(d, x), (e, '')])}) = {f}", [a, b, c, d, e, f]


def _brackets_and_fraction(rng: random.Random, x: str, root: Fraction) -> tuple[str, list[int]]:
    while True:
        a, b, e, f = (rng.randint(2, 9) for _ in range(4))
        # The constant below is an integer only where the solution's denominator divides the slope.
        if a * b != e * f and (a * b - e * f) % root.denominator == 0:
            break
    c, g = nonzero(rng, 9), nonzero(rng, 9)
    d = int(e * (f * root + g) - a * (b * root + c))
    left = f"{a}({latex_sum([(b, x), (c, '')])})" + (latex_sum([(1, " "), (d, "")])[1:] if d else "")
    return f"{left} = {e}({latex_sum([(f, x), (g, '')])})", [a, b, c, d, e, f, g]


def _fractions(rng: random.Random, x: str, root: Fraction) -> tuple[str, list[int]]:
    while True:
        a, c = nonzero(rng, 7), nonzero(rng, 7)
        b, d = nonzero(rng, 12), nonzero(rng, 12)
        m, n = rng.sample(range(2, 10), 2)
        right = (a * root + b) / m - (c * root + d) / n
        if a * n != c * m and right.denominator <= 60:
            break
    first, second = latex_sum([(a, x), (b, "")]), latex_sum([(c, x), (d, "")])
    equation = rf"\frac{{{first}}}{{{m}}} - \frac{{{second}}}{{{n}}} = {latex_number(right)}"
    return equation, [a, b, m, c, d, n, right.numerator, right.denominator]


_LINEAR = (_one_side, _both_sides, _brackets, _brackets_and_fraction, _fractions)


def quadratic(rng: random.Random, level: int) -> Problem:
    """Gives a quadratic equation with two different real solutions.

    Levels: 1 integer solutions, leading coefficient 1; 2 another leading coefficient; 3 rational solutions; 4 rational
    solutions, terms on both sides; 5 irrational solutions, terms on both sides.
    """
    x = rng.choice(NAMES)
    roots, (a, b, c) = _irrational(rng) if level == 5 else _rational(rng, level)
    moved = [nonzero(rng, 9) for _ in range(3)] if level >= 4 else [0, 0, 0]
    left = latex_polynomial([a + moved[0], b + moved[1], c + moved[2]], x)
    equation = f"{left} = {latex_polynomial(moved, x)}"
    statement = rng.choice(
        (
            f"Find all real numbers ${x}$ with ${equation}$.",
            f"Solve ${equation}$ over the real numbers.",
            f"Determine every real solution of ${equation}$.",
        )
    )
    return Problem(statement, latex_set(roots), "set", _SET, ["quadratic", [a, b, c], moved])


def _rational(rng: random.Random, level: int) -> tuple[list[str], tuple[int, int, int]]:
    while True:
        if level <= 2:
            first, second = Fraction(rng.randint(-30, 30)), Fraction(rng.randint(-30, 30))
        else:
            first, second = proper(rng, 12, 6), Fraction(nonzero(rng, 12), rng.randint(1, 6))
        if first != second:
            break
    scale = rng.randint(2, 6) if level == 2 else 1
    p, q = first.denominator, second.denominator
    a, b = p * q, -(first.numerator * q + second.numerator * p)
    c = first.numerator * second.numerator
    return [latex_number(root) for root in sorted((first, second))], (scale * a, scale * b, scale * c)


def _irrational(rng: random.Random) -> tuple[list[str], tuple[int, int, int]]:
    middle, under, below = nonzero(rng, 9), rng.choice(_SQUARE_FREE), rng.randint(1, 4)
    a, b, c = below**2, -2 * middle * below, middle**2 - under
    common = math.gcd(a, b, c)
    values = [f"{middle} {sign} \\sqrt{{{under}}}" for sign in "-+"]
    roots = [f"\\frac{{{value}}}{{{below}}}" for value in values] if below > 1 else values
    return roots, (a // common, b // common, c // common)
