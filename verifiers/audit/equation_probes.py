r"""Mutants and paraphrases of equations, proven by points: a real point on the right one that is not on the other.

An equation stays the same when its sides are swapped, multiplied or brought to one side, and when it is solved for a
variable that stands in it once and by itself.
"""

import random
import re
from collections.abc import Iterable, Iterator
from typing import Any

from verifiers.audit.probe import Case, Probe, boxed
from verifiers.audit.reading import read

_CALL = re.compile(r"[A-Za-z]\s*\(|'|_")
"""`f(x)` may be a value of a function; a name with an index or a prime is one name."""

_DIGIT = re.compile(r"\d")
_TRIED = (0, 1, 2, -1, 3, -4, 5, 7)
"""Values of variables at which points are looked for."""


def probes(case: Case, text: str, chance: random.Random) -> Iterator[Probe]:
    """Gives the probes of an equation. Raises ValueError where it cannot be read, or no real point on it is found."""
    import sympy

    sides = [side.strip() for side in text.split("=")]
    if len(sides) != 2 or _CALL.search(text):
        raise ValueError("not one equation between terms")
    left, right = (read(side) for side in sides)
    points = _points(left - right)
    if not points:
        raise ValueError("no point on it")
    declared = case.spec.get("kind") == "equation"
    is_value = left.is_Symbol and not right.free_symbols  # `x = 5`, of which `2x = 10` is no way of writing

    yield Probe("paraphrase", "as it is", case.item(boxed(text)))
    yield Probe("paraphrase", "without spaces", case.item(boxed("=".join(sides))))
    yield Probe("paraphrase", "dollars", case.item(boxed(f"${text}$")))
    yield Probe("paraphrase", "sides swapped", case.item(boxed(f"{sides[1]} = {sides[0]}")))
    if is_value and not declared:
        yield Probe("paraphrase", "without its name", case.item(boxed(sides[1])))
        yield Probe("mutant", "another value", case.item(boxed(sympy.latex(right + 1))))
    for kind, a, b in () if is_value else _same(left, right):
        yield Probe("paraphrase", kind, case.item(boxed(f"{sympy.latex(a)} = {sympy.latex(b)}")))

    for kind, wrong in _changed(sides, left, right, chance):
        try:
            a, b = (read(side) for side in wrong.split("="))
        except ValueError:
            continue
        if any(_off(a - b, point) for point in points):
            yield Probe("mutant", kind, case.item(boxed(wrong)))
    yield Probe("mutant", "an inequality", case.item(boxed(f"{sides[0]} \\leq {sides[1]}")))
    yield Probe("mutant", "left side alone", case.item(boxed(sides[0])))
    if declared or left.is_Add:
        yield Probe("mutant", "right side alone", case.item(boxed(sides[1])))


def _same(left: Any, right: Any) -> Iterable[tuple[str, Any, Any]]:
    import sympy

    whole = sympy.expand(left - right)
    yield "on one side", whole, sympy.Integer(0)
    yield "on the other side", sympy.Integer(0), whole
    yield "doubled", sympy.expand(2 * left), sympy.expand(2 * right)
    yield "of other sign", sympy.expand(-left), sympy.expand(-right)
    for symbol in sorted(whole.free_symbols, key=str):
        slope = whole.diff(symbol)
        if not slope.free_symbols and slope != 0:
            yield "solved", symbol, sympy.expand(symbol - whole / slope)


def _changed(sides: list[str], left: Any, right: Any, chance: random.Random) -> Iterable[tuple[str, str]]:
    import sympy

    a, b = sides
    yield "off by one", f"{a} = {sympy.latex(right + 1)}"
    yield "other sign", f"{a} = {sympy.latex(-right)}"
    yield "twice one side", f"{a} = {sympy.latex(2 * right)}"
    text = f"{a} = {b}"
    digits = [match.start() for match in _DIGIT.finditer(text)]
    for at in digits:
        other = str((int(text[at]) + chance.randint(1, 9)) % 10)
        yield "another digit", text[:at] + other + text[at + 1 :]
    symbols = sorted((left - right).free_symbols, key=str)
    if len(symbols) == 2:
        swap = dict(zip(symbols, symbols[::-1], strict=True))
        yield "names swapped", " = ".join(sympy.latex(side.xreplace(swap)) for side in (left, right))
    if "+" in a:
        yield "minus for plus", f"{a.replace('+', '-', 1)} = {b}"


def _points(difference: Any) -> list[dict[Any, Any]]:
    """Gives some real points, values by variable, at which a term is zero."""
    import sympy

    symbols = sorted(difference.free_symbols, key=str)
    found: list[dict[Any, Any]] = []
    for symbol in symbols:
        for shift in range(len(_TRIED)):
            others = {
                s: sympy.Integer(_TRIED[(shift + 3 * i) % len(_TRIED)]) for i, s in enumerate(symbols) if s != symbol
            }
            try:
                roots = sympy.Poly(difference.subs(others), symbol).real_roots()
            except (sympy.PolynomialError, NotImplementedError, ValueError):
                continue
            found += [others | {symbol: root} for root in roots[:2]]
            if len(found) >= 6:
                return found
    return found


def _off(difference: Any, point: dict[Any, Any]) -> bool:
    """Tells whether a term is surely not zero at a point; not where it has no value there."""
    import sympy

    value = sympy.N(difference.subs(point), 30)
    return bool(value.is_Number and value.is_finite and abs(value) > 1e-6)
