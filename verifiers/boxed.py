r"""The final answer of a response: the content of its last \boxed{...}.

Strict on purpose. Braces must balance, escaped braces do not count, and a last box that never closes is malformed:
an earlier box is a step on the way, never a substitute. One pass over the text, whatever the text.
"""

import re
from dataclasses import dataclass


MAX_CONTENT = 1_000_000
"""Characters of a box; what does not close within them is malformed."""


@dataclass(frozen=True, slots=True)
class Box:
    r"""One \boxed of a text: `content` between its braces, None where it is malformed; text[start:end] is all of it."""

    content: str | None
    start: int
    end: int


# A box opens with a brace, after spaces or not. Without one, a number or a command right behind is an answer that
# lacks its braces (malformed), and anything else is a mention: "put it in \boxed." Possessive, so never quadratic.
_OPENING = re.compile(r"\\boxed(?![A-Za-z])\s*+(?:(\{)|(?=[-+]?\d|\\[A-Za-z]))")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)


def last_box(text: str) -> Box | None:
    r"""Gives the last \boxed of a text, None where there is none."""
    at = len(text)
    while (at := text.rfind("\\boxed", 0, at)) >= 0:
        opening = _OPENING.match(text, at)
        if opening:
            return _read(text, opening)
    return None


def boxes(text: str) -> list[Box]:
    r"""Gives all \boxed of a text in order; what stands inside another box is not listed apart."""
    found = []
    opening = _OPENING.search(text)
    while opening:
        box = _read(text, opening)
        found.append(box)
        opening = _OPENING.search(text, box.end)
    return found


def _read(text: str, opening: re.Match[str]) -> Box:
    if opening[1] is None:
        return Box(None, opening.start(), opening.end())
    depth = 1
    for brace in _BRACE.finditer(text, opening.end(), opening.end() + MAX_CONTENT):
        if brace[0] == "{":
            depth += 1
        elif brace[0] == "}":
            depth -= 1
            if depth == 0:
                return Box(text[opening.end() : brace.start()].strip(), opening.start(), brace.end())
    return Box(None, opening.start(), len(text))
