"""Remainders, powers and congruences modulo an integer, built from the answer; a blind guess is right 1 in m times."""

import math
import random

from generators.algebra.problem import INTEGER, Problem


def modular(rng: random.Random, level: int) -> Problem:
    """Gives a problem of modular arithmetic.

    Levels: 1 the remainder of ab + c; 2 of a power; 3 a linear congruence; 4 two plain congruences at once; 5 three
    linear ones.
    """
    if level == 1:
        return _remainder(rng)
    if level == 2:
        return _power(rng)
    return _congruences(rng, level)


def _remainder(rng: random.Random) -> Problem:
    a, b, c, m = rng.randint(11, 99), rng.randint(11, 99), rng.randint(1, 99), rng.randint(3, 13)
    term = rf"{a} \cdot {b} + {c}"
    statement = rng.choice(
        (
            f"What is the remainder when ${term}$ is divided by ${m}$?",
            f"Reduce ${term}$ modulo ${m}$ to a number from $0$ to ${m - 1}$.",
            rf"Which $r$ with $0 \le r < {m}$ satisfies $r \equiv {term} \pmod{{{m}}}$?",
        )
    )
    structure = ["remainder", *sorted((a, b)), c, m]
    return Problem(statement, str((a * b + c) % m), "integer", INTEGER, structure, 1 / m)


def _power(rng: random.Random) -> Problem:
    base, exponent, m = rng.randint(2, 30), rng.randint(6, 60), rng.randint(5, 50)
    term = f"{base}^{{{exponent}}}"
    statement = rng.choice(
        (
            f"What is the remainder when ${term}$ is divided by ${m}$?",
            f"Reduce ${term}$ modulo ${m}$ to a number from $0$ to ${m - 1}$.",
            rf"Which $r$ with $0 \le r < {m}$ satisfies $r \equiv {term} \pmod{{{m}}}$?",
        )
    )
    structure = ["power", base, exponent, m]
    return Problem(statement, str(pow(base, exponent, m)), "integer", INTEGER, structure, 1 / m)


def _congruences(rng: random.Random, level: int) -> Problem:
    count, least, most = {3: (1, 11, 97), 4: (2, 5, 40), 5: (3, 5, 19)}[level]
    while True:
        moduli = [rng.randint(least, most) for _ in range(count)]
        product = math.prod(moduli)
        if math.lcm(*moduli) == product:  # coprime in pairs: exactly one solution below the product
            break
    answer = rng.randrange(product)
    rows = []
    for m in moduli:
        factor = 1 if level == 4 else rng.choice([a for a in range(2, m) if math.gcd(a, m) == 1])
        rows.append([factor, factor * answer % m, m])
    terms = [rf"{a if a > 1 else ''}x \equiv {b} \pmod{{{m}}}" for a, b, m in rows]
    together = ", ".join(f"${term}$" for term in terms)
    statement = rng.choice(
        (
            f"Find the smallest non-negative integer $x$ with {together}.",
            rf"Which integer $x$ with $0 \le x < {product}$ satisfies {together}?",
            f"Let $x$ be the least integer that is not negative and satisfies {together}. Find $x$.",
        )
    )
    structure = ["congruences", *sorted(rows)]
    return Problem(statement, str(answer), "integer", INTEGER, structure, 1 / product)
