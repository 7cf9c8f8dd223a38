r"""Compares answers by computer algebra: math-verify's reading of LaTeX, with its comparison where it can be trusted.

Runs long on some inputs, so callers check `verifiers.limits` first and hold a clock from outside; math-verify's own
clock is off, for it works by signals in a main thread only. What is not left to it: equations (it finds that two
different lines are equal, and that an equation equals its right side), and the order of its arguments (it is not
symmetric: here two answers are equal, or not, whichever is the reference).
"""

import cmath
import logging
from fractions import Fraction
from functools import cache, lru_cache
from typing import Any

Parsed = list[Any]
"""Readings of one answer, sympy objects first, the text last."""


_POINTS = (0.7390851332151607, 1.6180339887498949, 0.5671432904097838, 1.2020569031595942, 2.6854520010653064)
"""Values for variables, with no simple relation among them; positive, where roots and logarithms are real."""


_COMMON = (
    "-\\frac{3\\sqrt{2} + \\sqrt[3]{5}}{2\\pi}",
    "2x^2 - 3xy + \\frac{y}{x + 1}",
    "e^{-x^2/2} \\ln(x) + \\log_2 5",
    "\\sin^2 x + \\cos(2\\theta) \\cdot \\tan x",
    "3 \\pm 2\\sqrt{2}",
    "\\{1, -2, \\frac{1}{2}\\}",
    "x = 1, y = -2",
    "(1, \\sqrt{2}, -3)",
    "(-\\infty, 2] \\cup (3, 4)",
    "x \\leq 5",
    "1 < x < 2",
    "y = 2x + 3",
    "f(x) = x^2 + 1",
    "\\begin{pmatrix} 1 & a \\\\ -\\frac{1}{2} & 4 \\end{pmatrix}",
    "\\binom{10}{3} + 5!",
    "|x - 1|",
)
"""Answers of common shapes: the parser learns its tables from what it reads, at up to half a second a shape."""


def warm_up() -> None:
    """Imports the algebra and lets the parser see common answers, so that no item pays for it: about two seconds."""
    readings = [parse(f"\\boxed{{{text}}}") for text in _COMMON]
    equal(readings[0], readings[1])


@cache
def _extraction() -> list[Any]:
    # Units stay: math-verify knows one-letter ones and reads `11a + c` as 11. Ours are gone by now (`plain`).
    from latex2sympy2_extended import NormalizationConfig
    from math_verify import ExprExtractionConfig, LatexExtractionConfig

    logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns that its clock is off
    normalization = NormalizationConfig(
        basic_latex=True, units=False, malformed_operators=True, nits=True, boxed="all", equations=False
    )
    return [LatexExtractionConfig(normalization_config=normalization), ExprExtractionConfig()]


@lru_cache(maxsize=256)
def parse(text: str) -> Parsed:
    """Gives the readings of a text with an answer in it, an empty list where it has none."""
    from math_verify import parse as read

    for name in "ei":
        text = text.replace(f"\\mathrm{{{name}}}", name)
    return [_settled(reading) for reading in read(text, extraction_config=_extraction(), parsing_timeout=None)]


def _settled(reading: Any) -> Any:
    """Gives a reading with one symbol a name (the two parsers do not agree which are real), and `i` the unit.

    Relations other than between terms stay: math-verify solves them for its own symbols.
    """
    from sympy import Eq, Expr, I, Symbol
    from sympy.logic.boolalg import Boolean

    if isinstance(reading, Eq) and isinstance(reading.lhs, Expr) and isinstance(reading.rhs, Expr):
        return Eq(_settled(reading.lhs), _settled(reading.rhs), evaluate=False)
    free = getattr(reading, "free_symbols", None)
    if not free or isinstance(reading, Boolean):
        return reading
    try:
        return reading.xreplace({s: I if s.name == "i" else Symbol(s.name, real=True) for s in free})
    except (AttributeError, TypeError, ValueError):
        return reading


def understood(readings: Parsed) -> bool:
    """Tells whether one of the readings is mathematics and not just text."""
    return any(not isinstance(reading, str) for reading in readings)


def equal(a: Parsed, b: Parsed) -> bool:
    """Tells whether some reading of one answer equals some reading of the other; symmetric."""
    return any(_equal(x, y) for x in a for y in b)


def equal_equations(a: Parsed, b: Parsed) -> bool:
    """Tells whether some reading of both is an equation, and the same one; symmetric."""
    from sympy import Eq

    return any(_same_equation(x, y) for x in a for y in b if isinstance(x, Eq) and isinstance(y, Eq))


def exactly_equal(a: Parsed, b: Parsed) -> bool:
    """Tells whether some reading of both is a number without rounding, and the same one; symmetric."""
    from sympy import Expr, Float, simplify

    for x in a:
        for y in b:
            if all(isinstance(e, Expr) and e.is_number and not e.has(Float) for e in (x, y)):
                x, y = x.doit(), y.doit()
                if not _differ(x, y) and (x == y or simplify(x - y) == 0):
                    return True
    return False


def value(readings: Parsed) -> Fraction | None:
    """Gives the real number that a text stands for, to 30 digits; None where it is none."""
    from sympy import Expr

    for reading in readings:
        if isinstance(reading, Expr) and not reading.free_symbols:
            try:
                return Fraction(str(reading.doit().evalf(30)))
            except (ValueError, TypeError, ArithmeticError, AttributeError):
                continue
    return None


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
    if _differ(a, b):
        return False
    if _is_infinite(a) or _is_infinite(b):
        a, b = a.doit(), b.doit()
        return bool(a == b) and not a.has(sympy.zoo, sympy.nan)
    a, b = sorted((a, b), key=str)
    return _math_verify(a, b) or (not (_is_number_or_term(a) and _is_number_or_term(b)) and _math_verify(b, a))


def _is_infinite(expression: Any) -> bool:
    """Tells whether infinities stand in a term: with them, math-verify's comparison of numbers says anything."""
    from sympy import Expr, nan, oo, zoo

    return isinstance(expression, Expr) and expression.has(oo, -oo, zoo, nan)


def _is_number_or_term(expression: Any) -> bool:
    from sympy import Expr

    return isinstance(expression, Expr)


def _differ(a: Any, b: Any) -> bool:
    """Tells whether two terms surely have different values at one point: far cheaper than to fail to simplify a - b."""
    from sympy import Expr, Float, Symbol, UnevaluatedExpr
    from sympy.core.function import AppliedUndef

    if not (isinstance(a, Expr) and isinstance(b, Expr)) or isinstance(a, Symbol) or isinstance(b, Symbol):
        return False
    if any(x.has(Float, UnevaluatedExpr, AppliedUndef) for x in (a, b)):
        return False
    symbols = sorted(a.free_symbols | b.free_symbols, key=str)
    point = {symbol: _POINTS[i % len(_POINTS)] for i, symbol in enumerate(symbols)}
    try:
        x, y = (complex(expression.doit().evalf(17, subs=point)) for expression in (a, b))
    except (TypeError, ValueError, ArithmeticError, AttributeError):
        return False
    return cmath.isfinite(x) and cmath.isfinite(y) and abs(x - y) > 1e-6 * max(abs(x), abs(y), 1e-300)


def _assigns(equation: Any) -> bool:
    """Tells whether an equation says no more than its right side: `x = 5`, `f(x) = 2x`, `a/b = 3`, `2 + 3 = 5`.

    `x = 6 - 2x` says more, for its right side speaks of x.
    """
    from sympy.core.function import AppliedUndef

    if not _is_name(equation.lhs):
        return not equation.free_symbols
    arguments = {symbol for call in equation.lhs.atoms(AppliedUndef) for symbol in call.free_symbols}
    return not (equation.lhs.free_symbols - arguments) & equation.rhs.free_symbols


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
