r"""Compares answers by computer algebra: math-verify's reading of LaTeX, with its comparison where it can be trusted.

Runs long on some inputs, so callers check `verifiers.limits` first and hold a clock from outside; math-verify's own
clock is off, for it works by signals in a main thread only. What is not left to it: equations (it finds that two
different lines are equal, and that an equation equals its right side), and the order of its arguments (it is not
symmetric: here two answers are equal, or not, whichever is the reference).
"""

import logging
from functools import lru_cache
from typing import Any

Parsed = list[Any]
"""Readings of one answer, sympy objects first, the text last."""


def warm_up() -> None:
    """Imports the algebra and compiles its patterns, so that no item pays for it."""
    logging.getLogger("math_verify").setLevel(logging.ERROR)
    equal(parse("$\\frac{1}{2}$"), parse("\\boxed{x + 1}"))


@lru_cache(maxsize=256)
def parse(text: str) -> Parsed:
    """Gives the readings of a text with an answer in it, an empty list where it has none."""
    from math_verify import parse as read

    for name in "ei":
        text = text.replace(f"\\mathrm{{{name}}}", name)
    return read(text, parsing_timeout=None)


def understood(readings: Parsed) -> bool:
    """Tells whether one of the readings is mathematics and not just text."""
    return any(not isinstance(reading, str) for reading in readings)


def equal(a: Parsed, b: Parsed) -> bool:
    """Tells whether some reading of one answer equals some reading of the other; symmetric."""
    return any(_equal(x, y) for x in a for y in b)


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, str) or isinstance(b, str):
        return isinstance(a, str) and isinstance(b, str) and a.strip() == b.strip() != ""
    import sympy
    from math_verify.grader import is_equation

    if isinstance(a, sympy.Eq) and isinstance(b, sympy.Eq):
        return _same_equation(a, b)
    for one, other in ((a, b), (b, a)):
        if isinstance(one, sympy.Eq) and not is_equation(other) and not _assigns(one):
            return False
    sizes = [len(x.args) if isinstance(x, (sympy.FiniteSet, sympy.Tuple)) else 1 for x in (a, b)]
    if sizes[0] != sizes[1] and 1 in sizes and not any(isinstance(x, (sympy.Interval, sympy.Union)) for x in (a, b)):
        return False
    return _math_verify(a, b) or _math_verify(b, a)


def _assigns(equation: Any) -> bool:
    """Tells whether an equation says no more than its right side: `x = 5`, `f(x) = 2x`, `a/b = 3`, `2 + 3 = 5`."""
    return not equation.free_symbols or _is_name(equation.lhs)


def _is_name(expression: Any) -> bool:
    from sympy import Mul, Pow, Symbol
    from sympy.core.function import AppliedUndef

    if isinstance(expression, Mul):
        return all(_is_name(factor) for factor in expression.args)
    if isinstance(expression, Pow):
        return _is_name(expression.base)
    return isinstance(expression, Symbol | AppliedUndef)


def _math_verify(a: Any, b: Any) -> bool:
    from math_verify import verify

    return verify(a, b, timeout_seconds=None, allow_set_relation_comp=True)


def _same_equation(a: Any, b: Any) -> bool:
    """Equations are the same when their sides' differences are proportional: 2x + 2y = 4 and y = 2 - x."""
    import sympy

    if _assigns(a) and _assigns(b) and a.lhs == b.lhs:
        return _math_verify(a.rhs, b.rhs) or _math_verify(b.rhs, a.rhs)
    try:
        left, right = (sympy.expand(x.lhs - x.rhs) for x in (a, b))
        if left == 0 or right == 0:
            return a == b
        ratio = sympy.simplify(left / right)
        return not ratio.free_symbols and ratio.is_zero is False and ratio.is_finite is not False
    except (TypeError, AttributeError, ValueError):
        return a == b
