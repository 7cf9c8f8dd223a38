"""What a trace keeps of the code that ran in it and of the hints that were put into it."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

CALCULATION, VERIFICATION = "calculation", "verification"

RECORDED = "recorded"
"""Status of a call that another interpreter ran: how it ended is known from its output only."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One code block that ran. `start` and `end`: see Hinted."""

    code: str
    output: str
    """What the trace shows of it, without the fences."""
    status: str
    """As the sandbox tells: ok, exception, timeout, memory, crash, output (it printed too much); or RECORDED."""
    ms: float
    """Milliseconds it ran."""
    tokens: int
    """Tokens of its output block, from the teacher's counts of what stands before and after it."""
    kind: str
    """calculation (its result was not in the text before) or verification."""
    start: int
    """Character at which its output block begins, opening fence included."""
    end: int
    """Character behind the output block, the line break after its closing fence included."""
    lost: bool = False
    """Whether the names of the code before it were gone, because that had to be killed."""


@dataclass(frozen=True, slots=True)
class Hint:
    """One text that was put into a trace."""

    kind: str
    """opening, compute or trust (see generators.cort.hints)."""
    start: int
    end: int


def calls_json(calls: Sequence[ToolCall]) -> str:
    """Gives tool calls as the text of a JSON list."""
    return orjson.dumps([dataclasses.asdict(call) for call in calls]).decode()
