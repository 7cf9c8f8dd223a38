"""Whether code computed something or only confirmed what the text said already (CoRT, section 4 and appendix).

The authors ask a language model; here a call is a verification when the last value that it prints stands in the prose
before it, in the place of a result where it is a short number (short numbers stand everywhere by chance), or when it
prints True or False.
"""

import re

from generators.cort.calls import CALCULATION, VERIFICATION
from generators.cort.fences import blocks

_NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?")
_RESULT = r"(?:=|≈|\\approx|\bis|\bget|\bgives|\bequals|\bboxed\{|\bbe)\s*[\\$({\[]*\s*(?:about |approximately )?"
_SHORT = 2
"""Digits up to which a number must stand in the place of a result."""


def kind_of(before: str, output: str) -> str:
    """Gives the kind of a call by the text before its code block and by its output."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if not lines:
        return CALCULATION
    if lines[-1] in ("True", "False"):
        return VERIFICATION
    prose = _prose(before)
    plain = lines[-1].replace(" ", "")
    if len(plain) > _SHORT and not _NUMBER.fullmatch(plain) and plain in prose.replace(" ", ""):
        return VERIFICATION
    numbers = _NUMBER.findall(lines[-1])
    if not numbers:
        return CALCULATION
    value = _plain(numbers[-1])
    if len(value.lstrip("-").replace(".", "")) > _SHORT:
        stands = any(_plain(found) == value for found in _NUMBER.findall(prose))
    else:
        stands = re.search(_RESULT + re.escape(value) + r"(?![\d.]*\d)", prose) is not None
    return VERIFICATION if stands else CALCULATION


def _prose(text: str) -> str:
    """The text without its code and output blocks."""
    parts, at = [], 0
    for block in blocks(text):
        parts.append(text[at : block.start])
        at = len(text) if block.end is None else block.end
    return "".join((*parts, text[at:]))


def _plain(number: str) -> str:
    number = number.replace(",", "")
    return number.rstrip("0").rstrip(".") if "." in number else number
