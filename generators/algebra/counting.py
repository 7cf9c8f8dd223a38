"""Counting problems: choices, arrangements, distributions, divisibility."""

import math
import random

from generators.algebra.problem import INTEGER, Problem

_COLOURS = ("red", "blue", "green", "yellow", "white", "black")


def counting(rng: random.Random, level: int) -> Problem:
    """Gives a counting problem.

    Levels: 1 a choice from two groups; 2 arrangements with equal things; 3 integer solutions with lower bounds;
    4 divisibility by one of three numbers; 5 integer solutions with upper bounds.
    """
    statement, answer, structure = _LEVELS[level - 1](rng)
    return Problem(statement, str(answer), "integer", INTEGER, ["counting", level, *structure])


_Counting = tuple[str, int, list[int]]


def _two_groups(rng: random.Random) -> _Counting:
    a, b = rng.randint(4, 16), rng.randint(4, 16)
    i, j = rng.randint(1, 4), rng.randint(1, 4)
    statement = rng.choice(
        (
            f"A club has {a} players and {b} coaches. How many teams of {i} of the players and {j} of the coaches are "
            "possible?",
            f"One shelf holds {a} different novels, another {b} different atlases. In how many ways can a reader take "
            f"{i} of the novels and {j} of the atlases?",
            f"A kitchen has {a} kinds of fruit and {b} kinds of nuts. How many mixtures use exactly {i} kinds of the "
            f"fruit and {j} kinds of the nuts, amounts aside?",
        )
    )
    groups = sorted(([a, i], [b, j]))
    return statement, math.comb(a, i) * math.comb(b, j), [*groups[0], *groups[1]]


def _arrangements(rng: random.Random) -> _Counting:
    counts = [rng.randint(1, 8) for _ in range(rng.randint(3, 5))]
    colours = rng.sample(_COLOURS, len(counts))
    things = [f"{count} {colour}" for count, colour in zip(counts, colours, strict=True)]
    listed = f"{', '.join(things[:-1])} and {things[-1]}"
    statement = rng.choice(
        (
            f"In how many different orders can {listed} beads be put in a row, beads of a colour being alike?",
            f"Someone stacks {listed} plates into one pile. Plates of a colour look alike. How many different piles "
            "are there?",
            f"How many different sequences use up exactly {listed} tokens, where tokens of a colour cannot be told "
            "apart?",
        )
    )
    ways = math.factorial(sum(counts)) // math.prod(math.factorial(count) for count in counts)
    return statement, ways, sorted(counts)


def _lower_bounds(rng: random.Random) -> _Counting:
    lows = [rng.randint(1, 5) for _ in range(rng.randint(3, 4))]
    total = sum(lows) + rng.randint(5, 30)
    names = [f"x_{index}" for index in range(1, len(lows) + 1)]
    bounds = ", ".join(rf"${name} \ge {low}$" for name, low in zip(names, lows, strict=True))
    statement = _solutions(rng, f"{' + '.join(names)} = {total}", bounds)
    free = total - sum(lows)
    return statement, math.comb(free + len(lows) - 1, len(lows) - 1), [total, *sorted(lows)]


def _divisible(rng: random.Random) -> _Counting:
    limit = rng.randint(100, 1000)
    while True:
        divisors = a, b, c = sorted(rng.sample(range(2, 21), 3))
        if b % a and c % a and c % b:  # else one of them would say nothing
            break
    statement = rng.choice(
        (
            f"How many integers from 1 to {limit} are divisible by at least one of {a}, {b} and {c}?",
            f"Among the whole numbers from 1 to {limit}, how many are multiples of {a}, of {b} or of {c} (or of "
            "several of them)?",
            f"Someone writes down the numbers from 1 to {limit} and underlines each one that {a}, {b} or {c} divides. "
            "How many numbers are underlined?",
        )
    )
    pairs = sum(limit // math.lcm(*pair) for pair in ((a, b), (a, c), (b, c)))
    return statement, sum(limit // d for d in divisors) - pairs + limit // math.lcm(a, b, c), [limit, *divisors]


def _upper_bounds(rng: random.Random) -> _Counting:
    highs = [rng.randint(3, 12) for _ in range(rng.randint(3, 4))]
    total = rng.randint(sum(highs) // 3, 2 * sum(highs) // 3)
    names = [f"x_{index}" for index in range(1, len(highs) + 1)]
    bounds = ", ".join(rf"$0 \le {name} \le {high}$" for name, high in zip(names, highs, strict=True))
    statement = _solutions(rng, f"{' + '.join(names)} = {total}", bounds)
    ways = [1] + [0] * total
    for high in highs:
        ways = [sum(ways[max(0, at - high) : at + 1]) for at in range(total + 1)]
    return statement, ways[total], [total, *sorted(highs)]


def _solutions(rng: random.Random, equation: str, bounds: str) -> str:
    return rng.choice(
        (
            f"How many integer solutions does ${equation}$ have, subject to {bounds}?",
            f"Count the solutions of ${equation}$ in integers with {bounds}.",
            f"In how many ways can integers be chosen so that ${equation}$ and {bounds}?",
        )
    )


_LEVELS = (_two_groups, _arrangements, _lower_bounds, _divisible, _upper_bounds)
