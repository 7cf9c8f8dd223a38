"""Mutants and paraphrases of numbers, terms and percentages."""

import random
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from verifiers.audit.probe import Case, Probe, boxed
from verifiers.audit.reading import differ, read, same

DECIMAL_DIFFERENCE = 0.01
"""Relative difference from which a decimal is another one: verifiers may allow for rounding."""

_DIGIT = re.compile(r"\d")


def term_probes(case: Case, text: str, chance: random.Random) -> Iterator[Probe]:
    """Gives the probes of a number or term. Raises ValueError or ZeroDivisionError where it is none."""
    value = read(text)
    if not value.is_finite and not value.free_symbols:
        raise ValueError("no number")
    for kind, other in written_otherwise(value, text, case.spec.get("kind")):
        if same(read(other), value):
            yield Probe("paraphrase", kind, case.item(boxed(other)))
    for kind, response in _dressed(text, value, case.spec.get("kind")):
        yield Probe("paraphrase", kind, case.item(response))
    for kind, wrong in _changed(value, text, chance):
        try:
            proven = differ(read(wrong), value) and _beyond_rounding(read(wrong), value, text, case.spec)
        except (ValueError, ZeroDivisionError):
            continue
        if proven:
            yield Probe("mutant", kind, case.item(boxed(wrong)))


def written_otherwise(value: Any, text: str, declared: Any) -> Iterable[tuple[str, str]]:
    """Gives a value in other ways of writing it, each with its name; `declared`: the kind that the task declares."""
    import sympy

    if not value.is_Rational:
        yield "spaces", re.sub(r"([-+])", r" \1 ", text)
        yield "as sympy writes it", sympy.latex(value)
        yield "expanded", sympy.latex(sympy.expand(value))
        yield "factored", sympy.latex(sympy.factor(value))
        return
    sign, above, below = "-" if value < 0 else "", abs(value.p), value.q
    if below == 1:
        if above >= 1000:
            yield "thousands separator", f"{sign}{above:,}"
            yield "LaTeX thousands separator", f"{sign}{above:,}".replace(",", "{,}")
        if declared is None and "." not in text:
            yield "decimal point", f"{sign}{above}.0"
        return
    yield "fraction", f"{sign}\\frac{{{above}}}{{{below}}}"
    yield "display fraction", f"{sign}\\dfrac{{{above}}}{{{below}}}"
    yield "sign above", f"\\frac{{{value.p}}}{{{below}}}"
    yield "slash", f"{sign}{above}/{below}"
    if declared != "rational" and (power := next((n for n in range(1, 7) if 10**n % below == 0), None)):
        digits = str(above * 10**power // below).rjust(power + 1, "0")
        yield "decimal", f"{sign}{digits[:-power]}.{digits[-power:]}"


def _dressed(text: str, value: Any, declared: Any) -> Iterable[tuple[str, str]]:
    yield "as it is", boxed(text)
    yield "spaces in the box", boxed(f"  {text} ")
    yield "dollars", boxed(f"${text}$")
    yield "full stop", boxed(f"{text}.") if not text.endswith((".", "}")) else boxed(text)
    yield "a wrong box before", f"First \\boxed{{{text}7}} was too quick. {boxed(text)}"
    yield "text behind the box", f"{boxed(text)}. This is what was to be found."
    yield "unboxed", f"We compute.\n\nThe answer is ${text}$."
    yield "unboxed and bold", f"We compute.\n\n**Answer: ${text}$**"
    free = {str(symbol) for symbol in value.free_symbols}
    if not free and declared not in ("equation", "text"):
        yield "named", boxed(f"x = {text}")
    if value.is_Integer and text.lstrip("-").isdecimal():
        yield "in text", boxed(f"\\text{{{text}}}")
        yield "unboxed and plain", f"We compute.\n\nAnswer: {text}"


def _changed(value: Any, text: str, chance: random.Random) -> Iterable[tuple[str, str]]:
    import sympy

    yield "off by one", sympy.latex(value + 1)
    yield "off by minus one", sympy.latex(value - 1)
    yield "sign", sympy.latex(-value)
    yield "ten times", sympy.latex(10 * value)
    yield "half", sympy.latex(value / 2)
    yield "inverse", sympy.latex(1 / value) if value != 0 else "1"
    digits = [match.start() for match in _DIGIT.finditer(text)]
    if digits:
        at = chance.choice(digits)
        yield "another digit", text[:at] + str((int(text[at]) + chance.randint(1, 9)) % 10) + text[at + 1 :]
        yield "digit doubled", text[:at] + text[at] + text[at:]
        yield "digit dropped", text[:at] + text[at + 1 :]
    for a, b in pairwise(digits):
        if b == a + 1 and text[a] != text[b]:
            yield "digits swapped", text[:a] + text[b] + text[a] + text[b + 1 :]
            break
    if "+" in text:
        yield "plus for minus", text.replace("+", "-", 1)


def _beyond_rounding(wrong: Any, value: Any, text: str, spec: dict[str, Any]) -> bool:
    """Tells whether a wrong number is not what rounding could make of a right one; exact answers are not rounded."""
    tolerance = spec.get("tolerance", 0)
    if "." not in text and not tolerance:
        return True
    least = max(DECIMAL_DIFFERENCE, 10 * float(tolerance))
    return bool(abs(wrong - value) > least * max(abs(value), 1))


def percentage_probes(case: Case, number: str) -> Iterator[Probe]:
    """Gives the probes of a percentage, `number` being what stands before its sign. Raises ValueError."""
    import sympy

    value = read(number)
    if not value.is_Rational:
        return
    for kind, right in (("LaTeX percent", f"{number}\\%"), ("percent", f"{number}%"), ("spaced", f"{number} \\%")):
        yield Probe("paraphrase", kind, case.item(boxed(right)))
    for kind, wrong in (("off by one", value + 1), ("ten times", 10 * value), ("sign", -value)):
        if wrong != value:
            yield Probe("mutant", kind, case.item(boxed(f"{sympy.latex(wrong)}\\%")))
