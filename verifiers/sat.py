r"""SAT assignments: the last \boxed must hold exactly one 0 or 1 for each variable, and satisfy every clause.

The formula is in the task's spec, in Saturn's published text form: `!A!BC & A!CD`, clauses joined by ` & `, a literal
a letter or `!` and a letter, variable i being chr(65 + i). Any satisfying assignment is right, not the planted one
alone, so the reference is not looked at.
"""

import time
from functools import lru_cache
from typing import Any

from verifiers.boxed import last_box
from verifiers.verdict import Judgement

NAME = "sat"
VERSION = 1

MAX_VARIABLES = 4096
MAX_FORMULA_CHARS = 4_000_000

Clause = tuple[int, int]
"""Bit masks of the variables that satisfy the clause when true, and when false."""


def verify(response: str, reference: str, spec: dict[str, Any]) -> Judgement:
    """Judges one response against the formula in `spec` ({"k", "clauses"}, and "n", "l" which are checked if there).

    `bad_reference` where the spec is unusable, `unparsable` where there is no box or it does not hold k characters of
    0 and 1, else `correct` or `wrong`, the first false clause in `detail`. Never raises; linear in the response.
    """
    started = time.perf_counter()
    verdict, extracted, detail = _verify(response, spec)
    return Judgement(verdict, extracted, detail, (time.perf_counter() - started) * 1e3, NAME, VERSION)


fast = verify


def _verify(response: str, spec: dict[str, Any]) -> tuple[str, str | None, str]:
    try:
        k = spec["k"]
        clauses = _clauses(spec["clauses"], k, spec.get("n"), spec.get("l"))
    except KeyError as error:
        return "bad_reference", None, f"the spec has no field {error.args[0]!r}"
    except (TypeError, ValueError) as error:
        return "bad_reference", None, str(error) if isinstance(error, ValueError) else "a field of the wrong type"
    box = last_box(response)
    if box is None:
        return "unparsable", None, "no \\boxed"
    if box.content is None:
        return "unparsable", None, "the last \\boxed is malformed"
    bits = box.content
    if len(bits) != k:
        return "unparsable", bits[:200], f"{len(bits)} characters where {k} are asked"
    if bits.strip("01"):
        return "unparsable", bits[:200], "characters other than 0 and 1"
    true = int(bits[::-1], 2)  # bit i is variable i
    false = ~true
    for i, (positive, negative) in enumerate(clauses):
        if not (true & positive or false & negative):
            return "wrong", bits, f"clause {i + 1} of {len(clauses)} is false"
    return "correct", bits, ""


@lru_cache(maxsize=4096)
def _clauses(text: str, k: int, n: int | None, l: int | None) -> tuple[Clause, ...]:  # noqa: E741 (Saturn's name)
    """Reads a formula; raises ValueError (a sentence) or TypeError where the spec is unusable."""
    if type(k) is not int or not 1 <= k <= MAX_VARIABLES:
        raise ValueError(f"k must be an integer from 1 to {MAX_VARIABLES}")
    if type(text) is not str or len(text) > MAX_FORMULA_CHARS:
        raise ValueError(f"clauses must be a text of at most {MAX_FORMULA_CHARS} characters")
    clauses = [_clause(part.strip(), k, n, i) for i, part in enumerate(text.split("&"), 1)]
    if l is not None and len(clauses) != l:
        raise ValueError(f"{len(clauses)} clauses where the spec says {l}")
    return tuple(clauses)


def _clause(text: str, k: int, n: int | None, number: int) -> Clause:
    masks = [0, 0]
    literals = negated = 0
    for letter in text:
        if letter == "!":
            if negated:
                break
            negated = 1
            continue
        variable = ord(letter) - 65
        if not 0 <= variable < k:
            negated = 1  # as after a "!" that no letter follows
            break
        masks[negated] |= 1 << variable
        literals += 1
        negated = 0
    if negated or not literals:
        raise ValueError(f"clause {number} is not made of literals over {k} variables")
    if n is not None and literals != n:
        raise ValueError(f"clause {number} has not the {n} literals that the spec says")
    return masks[0], masks[1]
