r"""The final answer of a response: the content of its last \boxed{...}.

Strict on purpose. Braces must balance, escaped braces do not count, and a last box that never closes is malformed:
an earlier box is a step on the way, never a substitute. One pass over the text, whatever the text.
"""

import re
from dataclasses import dataclass

MAX_CONTENT = 1_000_000
"""Characters of a box; what does not close within them is malformed."""

MAX_JOINED = 32
"""Boxes that can make up one answer."""


@dataclass(frozen=True, slots=True)
class Box:
    r"""One \boxed of a text: `content` between its braces, None where it is malformed; text[start:end] is all of it."""

    content: str | None
    start: int
    end: int


# A box opens with a brace, after spaces or not. Without one, a number or a command right behind is an answer that
# lacks its braces (malformed), and anything else is a mention: "put it in \boxed." Possessive, so never quadratic.
_OPENING = re.compile(r"\\boxed(?![A-Za-z])\s*+(?:(\{)|(?=[-+]?\d|\\[A-Za-z]))")
_SPACING = re.compile(r"\s|\$|\*|\\[()\[\],;:! ]|\\q?quad|\\text(?=\{)|[{}]")
_NAME = re.compile(r"[A-Za-z](?:_\w)?=$")
_JOINTS = frozenset(("", ",", ";", "and", "or", ",and", ",or"))
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)


def last_box(text: str, end: int | None = None) -> Box | None:
    r"""Gives the last \boxed of text[:end], None where there is none."""
    end = at = len(text) if end is None else end
    while (at := text.rfind("\\boxed", 0, at)) >= 0:
        opening = _OPENING.match(text, at, end)
        if opening:
            return _read(text, opening, end)
    return None


def final_boxes(text: str) -> list[Box]:
    r"""Gives the last box, before it those that belong to the same answer: `\boxed{1} \text{ and } \boxed{2}`.

    Only what joins them may stand between: a comma, "and", "or", spacing, `x_2 =`. The list is empty where there is no
    box; its last element may be malformed.
    """
    box = last_box(text)
    found = [] if box is None else [box]
    while box is not None and len(found) < MAX_JOINED:
        earlier = last_box(text, box.start)
        if earlier is None or earlier.content is None or box.start - earlier.end > 60:
            break
        between = _NAME.sub("", _SPACING.sub("", text[earlier.end : box.start]))
        if between not in _JOINTS:
            break
        box = earlier
        found.append(box)
    return found[::-1]


def _read(text: str, opening: re.Match[str], end: int) -> Box:
    if opening[1] is None:
        return Box(None, opening.start(), opening.end())
    depth = 1
    for brace in _BRACE.finditer(text, opening.end(), min(end, opening.end() + MAX_CONTENT)):
        if brace[0] == "{":
            depth += 1
        elif brace[0] == "}":
            depth -= 1
            if depth == 0:
                return Box(text[opening.end() : brace.start()].strip(), opening.start(), brace.end())
    return Box(None, opening.start(), end)
