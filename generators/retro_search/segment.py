r"""Cuts the reasoning of a trace into steps, at blank lines, and thoughts, at transition keywords (Retro-Search, 2).

A step is a paragraph with the blank lines behind it; a thought is a run of steps that ends where a paragraph begins
with a keyword. Nothing is lost: the steps of a text, joined, are the text. Blank lines in a code fence, or in a display
formula whose `\[` or `$$` has a line to itself, separate nothing.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

BLANK = "\n\n"
"""Between two steps, as models write it."""

MAX_FORMULA = 2_000
"""Characters of a display formula; an opening without a close within them opens nothing."""

_FENCE_LENGTHS = 16
_OPENING = re.compile(r"(?:\A|\n)[ \t]*(?:(`{3,16}|~{3,16})|(\\\[|\$\$)(?=[ \t\r]*\n))")
_MARKS = r"[*_\"'“”‘’(]{0,4}"
_SEPARATOR = r"\n[^\S\n]*\n\s*"


@dataclass(frozen=True, slots=True)
class Segmentation:
    """A text in steps and thoughts; the first of each begins at 0, and there is one of each even in an empty text."""

    text: str
    steps: tuple[int, ...]
    """Character at which each step begins."""
    thoughts: tuple[int, ...]
    """Number of the first step of each thought."""

    def step(self, index: int) -> str:
        """Gives a step with the blank lines behind it."""
        end = self.steps[index + 1] if index + 1 < len(self.steps) else len(self.text)
        return self.text[self.steps[index] : end]

    def thought(self, index: int) -> str:
        """Gives a thought with the blank lines behind it."""
        return self.text[self.steps[self.thoughts[index]] : self.end(index)]

    def end(self, thought: int) -> int:
        """Gives the character at which a thought ends."""
        last = thought + 1 == len(self.thoughts)
        return len(self.text) if last else self.steps[self.thoughts[thought + 1]]

    def steps_after(self, thought: int) -> int:
        """Gives the number of steps behind a thought."""
        last = thought + 1 == len(self.thoughts)
        return 0 if last else len(self.steps) - self.thoughts[thought + 1]

    def thought_of(self, step: int) -> int:
        """Gives the number of the thought that a step belongs to."""
        return bisect_right(self.thoughts, step) - 1


def segment(text: str, keywords: Sequence[str]) -> Segmentation:
    """Gives the steps and thoughts of a text.

    A paragraph opens a thought when its first word is one of `keywords`, whatever its case, with or without emphasis
    or a quotation mark before it; behind a list's mark or a number it opens none. Linear in the text.
    """
    steps, opens = [0], [0]
    for match in _cuts(tuple(keywords)).finditer(text):
        at = match.end()
        if match.start() == 0 and at < len(text):  # white space at the start belongs to the first step
            continue
        if at < len(text):
            if match.lastindex:
                opens.append(len(steps))
            steps.append(at)
    if "```" in text or "~~~" in text or "\\[" in text or "$$" in text:
        steps, opens = _without_cuts_in_blocks(text, steps, opens)
    return Segmentation(text, tuple(steps), tuple(opens))


def count_steps(text: str) -> int:
    """Gives the number of steps of a text, none where it is blank."""
    return len(segment(text, ()).steps) if text and not text.isspace() else 0


def opens_thought(text: str, keywords: Sequence[str]) -> bool:
    """Tells whether a text begins with a transition keyword."""
    return _start(tuple(keywords)).match(text) is not None


@lru_cache(maxsize=64)
def _cuts(keywords: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(f"{_SEPARATOR}(?=({_words(keywords)})?)" if keywords else _SEPARATOR)


@lru_cache(maxsize=64)
def _start(keywords: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"\s*{_words(keywords)}" if keywords else r"(?!)")


def _words(keywords: tuple[str, ...]) -> str:
    """Gives a pattern for a paragraph's start; letters of scripts without cases, as Chinese, need no word's end."""
    patterns = []
    for word in keywords:
        spaced = r"\s+".join(re.escape(part) for part in word.split())
        patterns.append(spaced + (r"(?![^\W_])" if word.rstrip()[-1:].lower() != word.rstrip()[-1:].upper() else ""))
    return f"{_MARKS}(?i:{'|'.join(patterns)})"


def _without_cuts_in_blocks(text: str, steps: list[int], opens: list[int]) -> tuple[list[int], list[int]]:
    opening = {steps[i] for i in opens}
    kept, done = [], 0
    for start, end in _blocks(text):
        first = bisect_right(steps, start, done)
        kept += steps[done:first]
        done = bisect_left(steps, end, first)
    kept += steps[done:]
    return kept, [i for i, at in enumerate(kept) if at in opening]


def _blocks(text: str) -> list[tuple[int, int]]:
    """Gives start and end of each code fence and display formula that closes."""
    found = []
    unclosed = {"`": _FENCE_LENGTHS + 1, "~": _FENCE_LENGTHS + 1}
    at = 0
    while opening := _OPENING.search(text, at):
        fence, formula = opening.groups()
        at = opening.end()
        if formula:
            end = text.find("\\]" if formula == "\\[" else "$$", at, at + MAX_FORMULA)
            end = end + 2 if end != -1 else end
        elif len(fence) >= unclosed[fence[0]]:  # known to close nowhere: looking again and again would be quadratic
            continue
        else:
            closing = re.compile(rf"\n[ \t]*{fence[0]}{{{len(fence)},}}[ \t\r]*(?=\n|\Z)").search(text, at)
            end = closing.end() if closing else -1
            if closing is None:
                unclosed[fence[0]] = len(fence)
        if end != -1:
            found.append((opening.start(2 if formula else 1), end))
            at = end
    return found
