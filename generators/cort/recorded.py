"""Traces whose text holds programs and their recorded outputs already (as ToRA's do), and their replay.

A program is a ```python block; the ```output block that follows it is what was recorded of it.
"""

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from generators.cort.calls import RECORDED, ToolCall
from generators.cort.fences import blocks
from generators.cort.interpreter import Interpreter
from generators.cort.kinds import kind_of
from generators.cort.outputs import shown

_ERROR = re.compile(r"\w+(?:Error|Exception|Interrupt)\b")
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


@dataclass(frozen=True, slots=True)
class Replayed:
    """A recorded call that ran again here."""

    call: ToolCall
    """As it ended here, output included; positions are those of the recorded output."""
    recorded: str
    agrees: bool
    why: str
    """exact, float (equal but for the last digits), error (both failed alike); or the cause of the disagreement: the
    status of the run here, or `differs`."""


def recorded_calls(text: str) -> list[ToolCall]:
    """Gives the calls that a text holds; a program without an output block behind it has not run and is left out."""
    found = blocks(text)
    calls = []
    for program, output in itertools.pairwise(found):
        if not program.runs or output.language != "output" or program.end is None:
            continue
        if text[program.end : output.start].strip():
            continue
        end = len(text) if output.end is None else min(output.end + 1, len(text))
        told = output.code.strip("\n")
        calls.append(
            ToolCall(program.code, told, RECORDED, 0.0, 0, kind_of(text[: program.start], told), output.start, end)
        )
    return calls


async def replay(calls: Sequence[ToolCall], interpreter: Interpreter, cell_s: float = 5.0) -> list[Replayed]:
    """Runs the calls of one trace again, in one session, and compares what they show with what was recorded."""
    found = []
    async with interpreter.python(cell_s, len(calls)) as python:
        for i, call in enumerate(calls):
            outcome = await python.run(call.code, calls[:i])
            here = replace(call, output=shown(outcome, cell_s, None), status=outcome.status, ms=outcome.ms)
            agrees, why = _compared(call.output, here)
            found.append(Replayed(here, call.output, agrees, why))
    return found


def _compared(recorded: str, here: ToolCall) -> tuple[bool, str]:
    if here.status != "ok":
        last = (recorded.strip().splitlines() or [""])[-1]
        same = _ERROR.match(last) is not None and last in here.output
        return same, "error" if same else here.status
    if recorded.strip() == here.output.strip() or (not recorded.strip() and here.output == "[no output]"):
        return True, "exact"
    theirs, ours = recorded.split(), here.output.split()
    if len(theirs) == len(ours) and all(_same(a, b) for a, b in zip(theirs, ours, strict=True)):
        return True, "float"
    return False, "differs"


def _same(a: str, b: str) -> bool:
    if a == b:
        return True
    if _NUMBER.sub("#", a) != _NUMBER.sub("#", b):
        return False
    pairs = zip(_NUMBER.findall(a), _NUMBER.findall(b), strict=True)
    return all(math.isclose(float(x), float(y), rel_tol=1e-9) for x, y in pairs)
