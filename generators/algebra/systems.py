"""Systems of two or three linear equations with exactly one solution, built from it."""

import random
from fractions import Fraction
from itertools import permutations

from generators.algebra.draws import nonzero
from generators.algebra.problem import Problem, latex_number, latex_sum, latex_tuple

_NAMES = {2: (("x", "y"), ("a", "b"), ("u", "v")), 3: (("x", "y", "z"), ("a", "b", "c"), ("u", "v", "w"))}


def system(rng: random.Random, level: int) -> Problem:
    """Gives a system of linear equations.

    Levels: 1 two unknowns, small coefficients; 2 larger ones; 3 two unknowns, fractions as solution; 4 three unknowns;
    5 three unknowns, fractions as solution.
    """
    size = 2 if level <= 3 else 3
    most = (3, 9, 9, 5, 7)[level - 1]
    below = rng.randint(2, 5) if level in (3, 5) else 1
    while True:
        solution = [Fraction(nonzero(rng, 12), below) for _ in range(size)]
        if below == 1 or any(value.denominator > 1 for value in solution):
            break
    while True:
        rows = [_row(rng, solution, most) for _ in range(size)]
        if _determinant(rows):
            break
    names = rng.choice(_NAMES[size])
    lines = [f"{latex_sum(zip(row[:-1], names, strict=True))} = {row[-1]}" for row in rows]
    cases = r"\begin{cases} " + r" \\ ".join(lines) + r" \end{cases}"
    statement = rng.choice(
        (
            f"Solve the system of equations ${cases}$.",
            f"Find the numbers ${', '.join(names)}$ that satisfy all of ${cases}$.",
            f"The following equations hold together: ${cases}$. What are ${', '.join(names)}$?",
        )
    )
    form = f"Give the answer as the ordered {'pair' if size == 2 else 'triple'} $({', '.join(names)})$"
    form += ", fractions in lowest terms." if below > 1 else " of integers."
    answer = latex_tuple(latex_number(value) for value in solution)
    # The same system under other names and in another order is the same problem.
    structure = min(
        sorted([*(row[column] for column in order), row[-1]] for row in rows) for order in permutations(range(size))
    )
    return Problem(statement, answer, "tuple", form, ["system", *structure])


def _row(rng: random.Random, solution: list[Fraction], most: int) -> list[int]:
    while True:
        coefficients = [nonzero(rng, most) for _ in solution]
        right = sum((c * value for c, value in zip(coefficients, solution, strict=True)), Fraction(0))
        if right.denominator == 1:
            return [*coefficients, right.numerator]


def _determinant(rows: list[list[int]]) -> int:
    if len(rows) == 2:
        (a, b, _), (c, d, _) = rows
        return a * d - b * c
    (a, b, c, _), (d, e, f, _), (g, h, i, _) = rows
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
