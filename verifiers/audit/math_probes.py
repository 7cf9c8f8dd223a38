r"""Mutants and paraphrases of mathematical answers, by what they are: a term, an equation, intervals, a list, a matrix.

Each is read again by `reading` (terms), or made of values that it has read, and kept only where that proves it wrong,
or right. Answers that `reading` refuses give no probes: `probes` is empty for them.
"""

import random
import re
from collections.abc import Iterator

from verifiers.audit import equation_probes, interval_probes, list_probes, matrix_probes, term_probes
from verifiers.audit.probe import Case, Probe

_PERCENT = re.compile(r"(.+?)\s*\\?%")
_ROW = re.compile(r"(?:\\left)?\s*(\(|\[|\\\{)(.*?)(?:\\right)?\s*(\)|\]|\\\})", re.DOTALL)
_EMPTY = ("\\emptyset", "\\varnothing")


def probes(case: Case, chance: random.Random) -> Iterator[Probe]:
    """Gives the probes of one case."""
    text, kind = case.reference.strip(), case.spec.get("kind")
    try:
        if kind == "interval" or (kind is None and interval_probes.shows_intervals(text)):
            yield from interval_probes.probes(case, text)
        elif "\\begin" in text and kind in (None, "matrix"):
            yield from matrix_probes.probes(case, text)
        elif "=" in text and kind in (None, "equation"):
            yield from equation_probes.probes(case, text, chance)
        elif text in _EMPTY:
            yield from list_probes.probes(case, "\\{", "", "\\}")
        elif kind in (None, "set", "tuple") and (row := _ROW.fullmatch(text)):
            yield from list_probes.probes(case, *row.groups())
        elif kind in ("set", "tuple"):
            yield from list_probes.probes(case, "", text, "")
        elif percent := _PERCENT.fullmatch(text):
            yield from term_probes.percentage_probes(case, percent[1])
        else:
            yield from term_probes.term_probes(case, text, chance)
    except (ValueError, ZeroDivisionError):
        return
