"""The columns that profiles share: which they are, what they mean, and how a trace becomes one text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from catalog.profiles.attempts import Attempt
from catalog.records import Reject, Task, Trace, Verdict, schema

MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))

TASK_COLUMNS = ("task_id", "domain", "source", "license", "difficulty", "guess_rate")
"""What every profile says of a row's task."""

CHECK_COLUMNS = ("reference", "verifier", "spec")
"""What it takes to check an answer again."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What a profile makes of one task."""

    rows: list[dict[str, Any]]
    """Dataset rows, keyed by column."""
    taken: int
    """How many of the profile's unit (traces, or tasks) went into a row."""
    left_out: list[Reject]
    """One for each that did not."""


def column(name: str, kind: pa.DataType, description: str) -> pa.Field:
    return pa.field(name, kind, metadata={"description": description})


def columns_of(record: type, names: Sequence[str]) -> list[pa.Field]:
    """Gives columns that are passed on from a record, with the record's own descriptions."""
    return [schema(record).field(name).with_nullable(True) for name in names]


TASK_FIELDS = columns_of(Task, TASK_COLUMNS)
CHECK_FIELDS = columns_of(Task, CHECK_COLUMNS)
TRACE_FIELDS = columns_of(Trace, ("trace_id", "parent", "origin", "teacher", "revision"))
TOKEN_FIELDS = columns_of(Trace, ("completion_tokens", "mean_logprob"))
VERDICT_FIELDS = columns_of(Verdict, ("verdict", "extracted"))


def values(record: Any, fields: Sequence[pa.Field]) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields}


def response(trace: Trace) -> str:
    """Gives a trace as the one text that a student learns to write: the thinking in <think> tags, then the answer."""
    return respond(trace.thinking, trace.answer)


def respond(thinking: str, answer: str) -> str:
    """Gives thinking and answer as that text."""
    return f"<think>\n{thinking}\n</think>\n\n{answer}" if thinking else answer


SPANS = pa.list_(pa.struct([("start", pa.int64()), ("end", pa.int64())]))


def output_spans(attempt: Attempt) -> list[dict[str, int]]:
    """Gives where tool output stands in `response`: what a trainer must not learn to write."""
    shift = len("<think>\n") if attempt.trace.thinking else 0
    return [{"start": start + shift, "end": end + shift} for start, end in attempt.outputs]


def said(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def left_out(
    profile: str,
    attempt: Attempt,
    reason: str,
    detail: str = "",
    *,
    twin: str | None = None,
    score: float | None = None,
) -> Reject:
    """Gives the reject that says why a trace is not in a profile."""
    return Reject(attempt.trace.trace_id, "trace", f"export_{profile}", reason, detail, twin, score, "{}")
