"""When two numbers are the same answer.

Integers and fractions are equal or not. Where one of them is written as a decimal they may differ by rounding: by
1e-6, and by a thousandth of their size at most, unless the task's spec says how far apart they may be.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from verifiers.numbers import Number
from verifiers.plain import Leaf

ABSOLUTE = Fraction(1, 10**6)
"""Six decimals, as math-verify has it."""

RELATIVE = Fraction(1, 1000)
"""Never so few significant digits that all small numbers are one."""


@dataclass(frozen=True, slots=True)
class Closeness:
    """How far two numbers may be apart: `absolute`, or `relative` to the larger of them; `exact`: not at all."""

    absolute: Fraction | None = None
    relative: Fraction | None = None
    exact: bool = False

    def equal(self, a: Number, b: Number) -> bool:
        """Tells whether two numbers are the same answer; symmetric."""
        if a.percent != b.percent:  # 50% is 0.5, and where the question asks "how many percent" it is 50
            percent, other = (a, b) if a.percent else (b, a)
            rounded = a.decimal or b.decimal
            return any(self._near(value, other.value, rounded) for value in (percent.value, percent.value / 100))
        return self._near(a.value, b.value, a.decimal or b.decimal)

    def same(self, a: Leaf, b: Leaf) -> bool:
        """Tells whether two leaves are numbers, and the same."""
        return isinstance(a, Number) and isinstance(b, Number) and self.equal(a, b)

    def near(self, a: Fraction, b: Fraction) -> bool:
        """Tells whether two values, one of them not exactly known, are the same answer."""
        return self._near(a, b, True)

    @property
    def given(self) -> bool:
        """Whether the spec says how far apart numbers may be."""
        return self.absolute is not None or self.relative is not None

    def _near(self, a: Fraction, b: Fraction, rounded: bool) -> bool:
        if a == b:
            return True
        if self.exact:
            return False
        difference, size = abs(a - b), max(abs(a), abs(b))
        if self.given:
            return difference <= max(self.absolute or 0, (self.relative or 0) * size)
        return rounded and difference < ABSOLUTE and difference < size * RELATIVE


DEFAULT = Closeness()
EXACT = Closeness(exact=True)


def from_spec(spec: dict[str, Any]) -> Closeness:
    """Reads `tolerance` (absolute) and `relative_tolerance` of a spec; raises ValueError with a sentence."""
    found: list[Fraction | None] = []
    for name in ("tolerance", "relative_tolerance"):
        given = spec.get(name)
        if given is None:
            found.append(None)
            continue
        number = isinstance(given, int | float) and not isinstance(given, bool)
        if not number or not 0 <= given < float("inf"):
            raise ValueError(f"the spec's {name} is no number from 0 on")
        found.append(Fraction(str(given)))
    return DEFAULT if found == [None, None] else Closeness(found[0], found[1])
