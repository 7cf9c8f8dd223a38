"""The texts that are put into a trace or in front of it, in our own words (after CoRT, sections 2.2.1 and 2.2.2)."""

from generators.cort.calls import Hint
from generators.cort.detect import CHECK, COMPUTE, TRUST

OPENING = "opening"
"""Kind of the forced first words of a trace."""

INSTRUCTION = (
    "{prompt}\n\n"
    "Reason step by step, and let Python do the calculating while you think: write a ```python block wherever numbers "
    "get tedious, and print what you want to know. What it prints is put behind the block, as an ```output block, "
    "before you go on. You can do so several times; names stay defined. sympy, numpy, math and fractions are there. "
    "Put the final answer into \\boxed{}."
)
"""Asks for code; `{prompt}` is the problem."""

TEXTS = {
    OPENING: "Let me work through this, with several short pieces of Python for whatever has to be calculated.\n\n",
    COMPUTE: "Working this out by hand would be slow and easy to get wrong, so Python shall do it.\n\n```python\n",
    CHECK: "Checking this by hand again would be no safer than before; Python can check it.\n\n```python\n",
    TRUST: "Python has calculated this, so the number stands. Back to what was asked.\n\n",
}
"""What is put in, by kind of hint."""


def opened() -> tuple[str, Hint]:
    """Gives the text that a prompted trace begins with, and its hint."""
    text = TEXTS[OPENING]
    return text, Hint(OPENING, 0, len(text))


def insert(text: str, kind: str) -> tuple[str, Hint]:
    """Gives a trace's text, cut where a hint goes, with that hint, and the hint."""
    gap = "" if text.endswith("\n") or not text else "\n\n"
    start = len(text) + len(gap)
    whole = text + gap + TEXTS[kind]
    return whole, Hint(kind, start, len(whole))
