"""`distill`: verified-right traces as chat, to teach a student. `self_distill`: the same under stricter gates."""

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from catalog.profiles.attempts import Attempt, TaskAttempts
from catalog.profiles.columns import (
    CHECK_FIELDS,
    MESSAGES,
    SPANS,
    TASK_FIELDS,
    TOKEN_FIELDS,
    TRACE_FIELDS,
    VERDICT_FIELDS,
    Selection,
    column,
    columns_of,
    left_out,
    output_spans,
    response,
    said,
    values,
)
from catalog.records import Reject, Trace

TEXT_FIELDS = columns_of(Trace, ("thinking", "answer"))

SCHEMA = pa.schema(
    [
        column(
            "messages", MESSAGES, "the prompt as `user`, the thinking in `<think>` tags and the answer as `assistant`"
        ),
        column("tool_output", SPANS, "characters of the `assistant` message that a tool wrote: no target of training"),
        *TEXT_FIELDS,
        *TASK_FIELDS,
        *CHECK_FIELDS,
        *TRACE_FIELDS,
        *VERDICT_FIELDS,
        *TOKEN_FIELDS,
    ]
)

MAX_GUESS_RATE = 0.5
"""Above it, a right answer says too little of the reasoning for a model to learn from itself."""

MAX_REPETITION = 0.2
"""Share of paragraphs that repeat an earlier one word for word; beyond it the trace is a loop."""


def distill(group: TaskAttempts, max_per_task: int | None) -> Selection:
    """Gives the traces of a task that are verified right and whole, at most `max_per_task`, by sample index."""
    return _choose("distill", group, max_per_task, lambda attempt, group, seen: None)


def self_distill(group: TaskAttempts, max_per_task: int | None) -> Selection:
    """Gives the same under strict gates: wrong, looping or guessed rows hurt a model that learns from itself.

    The answer was read from the trace, which ended by itself and keeps to its delimiters; the task cannot be guessed;
    no loop; no two traces of a task with the same answer text.
    """
    return _choose("self_distill", group, max_per_task, _strict)


Gate = Callable[[Attempt, TaskAttempts, dict[str, str]], Reject | None]
"""Says why a verified-right trace is not taken; `seen` maps the answer texts taken so far to their traces."""


def _choose(profile: str, group: TaskAttempts, max_per_task: int | None, gate: Gate) -> Selection:
    rows: list[dict[str, Any]] = []
    rejects: list[Reject] = []
    seen: dict[str, str] = {}
    for attempt in group.attempts:
        trace = attempt.trace
        if trace.truncated:
            rejects.append(left_out(profile, attempt, "truncated"))
        elif attempt.verdict != "correct":
            rejects.append(left_out(profile, attempt, attempt.verdict, attempt.judged.detail if attempt.judged else ""))
        elif reject := gate(attempt, group, seen):
            rejects.append(reject)
        elif max_per_task is not None and len(rows) >= max_per_task:
            rejects.append(left_out(profile, attempt, "over_max_per_task", f"{max_per_task} of this task are in"))
        else:
            seen[trace.answer] = trace.trace_id
            rows.append(_row(attempt, group))
    return Selection(rows, len(rows), rejects)


def _strict(attempt: Attempt, group: TaskAttempts, seen: dict[str, str]) -> Reject | None:
    trace, profile = attempt.trace, "self_distill"
    guess_rate = group.task.guess_rate
    if trace.finish_reason != "stop":
        return left_out(profile, attempt, "not_finished", f"finish reason {trace.finish_reason}")
    if any(mark in text for text in (trace.thinking, trace.answer) for mark in ("<think>", "</think>")):
        return left_out(profile, attempt, "stray_delimiter", "a <think> or </think> stands inside the text")
    if not (attempt.judged and attempt.judged.extracted and trace.answer.strip()):
        return left_out(profile, attempt, "no_answer", "no answer text, or no final answer was read from it")
    if guess_rate is not None and guess_rate > MAX_GUESS_RATE:
        return left_out(profile, attempt, "guessable", f"guess rate above {MAX_GUESS_RATE}", score=guess_rate)
    share = repetition(f"{trace.thinking}\n\n{trace.answer}")
    if share > MAX_REPETITION:
        return left_out(profile, attempt, "repetition", "share of repeated paragraphs", score=share)
    if twin := seen.get(trace.answer):
        return left_out(profile, attempt, "same_answer", "another trace of the task answers in these words", twin=twin)
    return None


def repetition(text: str) -> float:
    """Gives the share of paragraphs (between blank lines) that repeat an earlier one exactly, in [0, 1)."""
    paragraphs = Counter(p for p in (p.strip() for p in re.split(r"\n[ \t]*\n", text)) if p)
    total = paragraphs.total()
    return 1 - len(paragraphs) / total if total else 0.0


def _row(attempt: Attempt, group: TaskAttempts) -> dict[str, Any]:
    trace, task = attempt.trace, group.task
    return {
        "messages": [said("user", task.prompt), said("assistant", response(trace))],
        "tool_output": output_spans(attempt),
        **values(trace, TEXT_FIELDS),
        **values(task, TASK_FIELDS),
        **values(task, CHECK_FIELDS),
        **values(trace, TRACE_FIELDS),
        **values(attempt.judged, VERDICT_FIELDS),
        **values(trace, TOKEN_FIELDS),
    }
