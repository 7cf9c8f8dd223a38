"""`preference`: of one task a better and a worse response, side by side, for DPO and its kin.

Better and worse are a verified-right trace and a verified-wrong one, or two ways on from one place of a trace that was
revised: right and wrong, or both right and one of fewer steps.
"""

from typing import Any

import pyarrow as pa

from catalog.profiles.attempts import Attempt, TaskAttempts
from catalog.profiles.columns import (
    CHECK_FIELDS,
    MESSAGES,
    SPANS,
    TASK_FIELDS,
    Selection,
    column,
    left_out,
    output_spans,
    respond,
    response,
    said,
    values,
)
from catalog.records import Pair, Reject

SCHEMA = pa.schema(
    [
        column("prompt", MESSAGES, "the problem, as a message of `user`"),
        column("chosen", MESSAGES, "a response that was verified right, as a message of `assistant`"),
        column(
            "rejected", MESSAGES, "one that was verified wrong, or right in more steps, as a message of `assistant`"
        ),
        column("chosen_tool_output", SPANS, "characters of `chosen` that a tool wrote: no target of training"),
        column("rejected_tool_output", SPANS, "characters of `rejected` that a tool wrote"),
        column("reason", pa.string(), "`right`: `rejected` is wrong; `shorter`: both are right"),
        column("shared", pa.int64(), "characters at the beginning of both thinkings that are the same prefix; else 0"),
        column("chosen_value", pa.float64(), "gamma to the power of the steps behind the prefix; else 1"),
        column("rejected_value", pa.float64(), "the same; 0 where it is wrong"),
        *TASK_FIELDS,
        *CHECK_FIELDS,
        column(
            "chosen_trace_id",
            pa.string(),
            "the trace behind `chosen`; for two ways on from one place, the trace with that place",
        ),
        column("rejected_trace_id", pa.string(), "the trace behind `rejected`; for two ways on, as before"),
        column("chosen_teacher", pa.string(), "who wrote `chosen`: the teacher's model and revision"),
        column("rejected_teacher", pa.string(), "who wrote `rejected`: the teacher's model and revision"),
        column("chosen_tokens", pa.int64(), "tokens of `chosen`; none for two ways on from one place"),
        column("rejected_tokens", pa.int64(), "tokens of `rejected`; none for two ways on from one place"),
        column(
            "rejected_truncated", pa.bool_(), "`rejected` was cut off by the token limit, or never closed its thinking"
        ),
    ]
)


def preference(group: TaskAttempts, max_per_task: int | None) -> Selection:
    """Gives the task's shortest right trace paired with each wrong one, by sample index, then its revisions' pairs.

    At most `max_per_task` pairs in all. Only `correct` and `wrong` count: whatever else a verdict says is no label. A
    truncated trace is never chosen. A trace is in where a pair is made of it or of its revision.
    """
    rejects, right, wrong = [], [], []
    for attempt in group.attempts:
        if attempt.verdict == "correct" and not attempt.trace.truncated:
            right.append(attempt)
        elif attempt.verdict == "wrong":
            wrong.append(attempt)
        else:
            reason = "truncated" if attempt.verdict == "correct" else attempt.verdict
            rejects.append(left_out("preference", attempt, reason, attempt.judged.detail if attempt.judged else ""))
    chosen = min(right, key=lambda a: (a.trace.completion_tokens, a.trace.trace_id), default=None)
    taken = wrong[:max_per_task] if chosen else []
    rows = [_row(group, chosen, rejected) for rejected in taken] if chosen else []
    room = None if max_per_task is None else max_per_task - len(rows)
    ways = group.pairs[:room]
    rows += [_two_ways(group, pair) for pair in ways]
    used = {a.trace.trace_id for a in taken} | {chosen.trace.trace_id if chosen and taken else ""}
    used |= {trace_id or "" for pair in ways for trace_id in (pair.parent, pair.trace_id)}
    for attempt in right + wrong:
        if attempt.trace.trace_id not in used:
            rejects.append(_unpaired(attempt, chosen, bool(taken), wrong, max_per_task))
    return Selection(rows, len(right) + len(wrong) - sum(reject.reason in _UNPAIRED for reject in rejects), rejects)


_UNPAIRED = ("no_pair", "longer_than_chosen", "over_max_per_task")


def _unpaired(
    attempt: Attempt, chosen: Attempt | None, paired: bool, wrong: list[Attempt], max_per_task: int | None
) -> Reject:
    if attempt in wrong and chosen:
        return left_out("preference", attempt, "over_max_per_task", f"{max_per_task} pairs of this task are in")
    if attempt in wrong or not paired or chosen is None:
        missing = "no right trace to set against it" if attempt in wrong else "no wrong trace to set against it"
        return left_out("preference", attempt, "no_pair", missing)
    why = "the shortest right trace stands for the task"
    return left_out("preference", attempt, "longer_than_chosen", why, twin=chosen.trace.trace_id)


def _row(group: TaskAttempts, chosen: Attempt, rejected: Attempt) -> dict[str, Any]:
    return {
        **_said(group, response(chosen.trace), response(rejected.trace)),
        "chosen_tool_output": output_spans(chosen),
        "rejected_tool_output": output_spans(rejected),
        "reason": "right",
        "shared": 0,
        "chosen_value": 1.0,
        "rejected_value": 0.0,
        "chosen_trace_id": chosen.trace.trace_id,
        "rejected_trace_id": rejected.trace.trace_id,
        "chosen_teacher": chosen.trace.revision,
        "rejected_teacher": rejected.trace.revision,
        "chosen_tokens": chosen.trace.completion_tokens,
        "rejected_tokens": rejected.trace.completion_tokens,
        "rejected_truncated": rejected.trace.truncated,
    }


def _two_ways(group: TaskAttempts, pair: Pair) -> dict[str, Any]:
    parents = [a.trace.revision for a in group.attempts if a.trace.trace_id == pair.parent]
    author = parents[0] if parents else ""
    return {
        **_said(
            group,
            respond((pair.prefix + pair.chosen_thinking).strip(), pair.chosen_answer),
            respond((pair.prefix + pair.rejected_thinking).strip(), pair.rejected_answer),
        ),
        "chosen_tool_output": [],
        "rejected_tool_output": [],
        "reason": pair.reason,
        "shared": len(pair.prefix.strip()),
        "chosen_value": pair.chosen_value,
        "rejected_value": pair.rejected_value,
        "chosen_trace_id": pair.parent,
        "rejected_trace_id": pair.parent,
        "chosen_teacher": pair.teacher if pair.chosen_key else author,
        "rejected_teacher": pair.teacher if pair.rejected_key else author,
        "chosen_tokens": None,
        "rejected_tokens": None,
        "rejected_truncated": False,
    }


def _said(group: TaskAttempts, chosen: str, rejected: str) -> dict[str, Any]:
    return {
        "prompt": [said("user", group.task.prompt)],
        "chosen": [said("assistant", chosen)],
        "rejected": [said("assistant", rejected)],
        **values(group.task, TASK_FIELDS),
        **values(group.task, CHECK_FIELDS),
    }
