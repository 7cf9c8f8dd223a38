"""What several kinds of problem draw: integers other than zero, fractions that are no integers."""

import math
import random
from fractions import Fraction

NAMES = ("x", "y", "z", "t", "u", "w")
"""Names of an unknown; without e, i and d, which mean something else in mathematics."""


def nonzero(rng: random.Random, most: int, least: int = 1) -> int:
    """Gives an integer with an absolute value from `least` to `most`, of either sign."""
    return rng.choice((-1, 1)) * rng.randint(least, most)


def proper(rng: random.Random, most: int, denominators: int) -> Fraction:
    """Gives a fraction that is no integer: numerator up to `most` in size, denominator from 2 to `denominators`."""
    denominator = rng.randint(2, denominators)
    while True:
        numerator = nonzero(rng, most)
        if math.gcd(numerator, denominator) == 1:
            return Fraction(numerator, denominator)
