"""What a trace is shown of code that ran: its output block."""

import re

from generators.cort.fences import longest_ticks
from verifiers.sandbox import Outcome

HEAD = TAIL = 400
"""Characters of an output that are kept at its beginning and at its end (CoRT, python_executor.py)."""

FRAMES = 2
"""Innermost frames of a traceback that are kept."""

USED_UP = "[No more code will be run in this solution: finish it by reasoning.]"
"""Stands in the output block of the last call that a trace has."""

LOST = "[The interpreter was started anew: names of earlier code are gone.]"

_FRAME = re.compile(r'^  File "<cell \d+>", line (\d+)(?:, in (\S+))?\n((?:    .*\n)?)', re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_MARKUP = re.compile(r"<([|｜])")


def shown(outcome: Outcome, cell_s: float, thinking: tuple[str, str] | None) -> str:
    """Gives the text of a cell's output: what it printed, the value of its last line, what went wrong.

    Untrusted: control characters are left out, and delimiters of the thinking and of chat markup are broken up, so that
    no output can end the thought or begin another's turn. At most HEAD + TAIL characters of it are kept.
    """
    parts = [outcome.stdout.rstrip("\n")]
    if outcome.value is not None:
        parts.append(outcome.value)
    if outcome.status != "ok":
        parts.append(_failure(outcome, cell_s))
    text = _harmless("\n".join(part for part in parts if part), thinking)
    if len(text) > HEAD + TAIL:
        text = f"{text[:HEAD]}\n...\n{text[-TAIL:]}"
    if outcome.lost_state:
        text = f"{LOST}\n{text}" if text else LOST
    return text or "[no output]"


def block(text: str, used_up: bool) -> str:
    """Gives an output block, closed, with a fence longer than any in its text; `used_up`: no call is left after it."""
    fence = "`" * max(3, longest_ticks(text) + 1 if "```" in text else 3)
    notice = f"\n{USED_UP}" if used_up else ""
    return f"{fence}output\n{text}{notice}\n{fence}\n"


def _failure(outcome: Outcome, cell_s: float) -> str:
    match outcome.status:
        case "exception":
            return _traceback(outcome)
        case "timeout":
            return f"TimeoutError: the code was stopped after {cell_s:g} s"
        case "memory":
            return "MemoryError: the code needs more memory than it may have"
        case "output":
            return "Error: the code printed too much and was stopped"
        case _:
            return f"Error: the interpreter ended ({outcome.error})"


def _traceback(outcome: Outcome) -> str:
    frames = [
        f"  line {line}{f', in {where}' if where and where != '<module>' else ''}{f': {code.strip()}' if code else ''}"
        for line, where, code in _FRAME.findall(outcome.stderr)
    ]
    error = outcome.error or "an exception"
    if not frames:
        return error
    return "\n".join(("Traceback:", *(["  ..."] if len(frames) > FRAMES else []), *frames[-FRAMES:], error))


def _harmless(text: str, thinking: tuple[str, str] | None) -> str:
    text = _MARKUP.sub(r"< \1", _CONTROL.sub("", text))
    for mark in thinking or ():
        text = text.replace(mark, f"{mark[:1]} {mark[1:]}")
    return text
