"""Fenced code blocks in text that is still being written.

A fence is a line of three or more backticks, indented or not, with trailing spaces or not. It closes a block opened by
as many backticks or fewer. A line that names a language inside an open block opens a new one: the model began again
and left the first unclosed. Fences inside of a Python string in triple quotes are part of the code.
"""

import re
import textwrap
from dataclasses import dataclass

STOPS = ("```\n", "``` ", "```\r")
"""Stop strings that end a completion behind any fence without a language, however many spaces follow it."""

PYTHON = frozenset(("python", "python3", "py", "ipython"))
"""Languages that run, in lower case."""

_FENCE = re.compile(r"^[ \t]*(`{3,})([^`\n]*)$", re.MULTILINE)
_STRINGS = re.compile(
    r'"""(?:\\.|[^\\])*?"""|\'\'\'(?:\\.|[^\\])*?\'\'\'|(?P<open>"""|\'\'\')'
    r'|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|#[^\n]*',
    re.DOTALL,
)


_CLOSED = {quote: re.compile(rf"(?:\\.|[^\\])*?{quote}", re.DOTALL) for quote in ('"""', "'''")}


@dataclass(frozen=True, slots=True)
class Block:
    """One block; `end` is None while it is open, else the character behind its closing fence."""

    language: str
    """The first word behind the opening fence, in lower case."""
    code: str
    start: int
    """Character at which the line of the opening fence begins."""
    end: int | None
    ticks: int
    """Backticks of the opening fence."""

    @property
    def runs(self) -> bool:
        return self.language in PYTHON


def blocks(text: str, start: int = 0) -> list[Block]:
    """Gives the blocks of `text` from character `start` on, before which no block may be open. Linear in the text."""
    found: list[Block] = []
    opened: re.Match[str] | None = None
    quote, read = "", start
    for fence in _FENCE.finditer(text, start):
        ticks, info = len(fence[1]), fence[2].strip()
        if opened is None:
            opened, quote, read = fence, "", fence.end()
            continue
        if _language(opened) in PYTHON:
            quote, read = _open_quote(text, read, fence.start(), quote), fence.start()
        if ticks < len(opened[1]) or quote:
            continue
        if not info:
            found.append(_block(text, opened, fence.start(), fence.end()))
            opened = None
        elif len(info.split()) == 1:
            found.append(_block(text, opened, fence.start(), None))
            opened, quote, read = fence, "", fence.end()
    if opened is not None:
        found.append(_block(text, opened, len(text), None))
    return found


def in_string(code: str) -> bool:
    """Whether Python code ends inside of a string in triple quotes."""
    return bool(_open_quote(code, 0, len(code), ""))


def longest_ticks(text: str) -> int:
    """Gives the length of the longest run of backticks in a text."""
    return max((len(run) for run in re.findall(r"`+", text)), default=0)


def _open_quote(text: str, start: int, end: int, quote: str) -> str:
    """Gives the triple quotes that are open at `end`, "" for none; `quote`: those that are open at `start`."""
    while start < end:
        if quote:
            closed = _CLOSED[quote].match(text, start, end)
            if closed is None:
                return quote
            start = closed.end()
        found = _STRINGS.search(text, start, end)
        if found is None:
            return ""
        quote, start = found["open"] or "", found.end()
    return quote


def _language(fence: re.Match[str]) -> str:
    return next(iter(fence[2].lower().split()), "")


def _block(text: str, opened: re.Match[str], end_of_code: int, end: int | None) -> Block:
    code = text[opened.end() + 1 : end_of_code]
    if opened[0][0] in " \t":
        code = textwrap.dedent(code)
    return Block(_language(opened), code, opened.start(), end, len(opened[1]))
