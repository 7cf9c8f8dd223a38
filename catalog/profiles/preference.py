"""`preference`: a verified-right and a verified-wrong trace of one task, side by side, for DPO and its kin."""

from typing import Any

import pyarrow as pa

from catalog.profiles.attempts import Attempt, TaskAttempts
from catalog.profiles.columns import (
    CHECK_FIELDS,
    MESSAGES,
    TASK_FIELDS,
    Selection,
    column,
    left_out,
    response,
    said,
    values,
)

SCHEMA = pa.schema(
    [
        column("prompt", MESSAGES, "the problem, as a message of `user`"),
        column("chosen", MESSAGES, "a response that was verified right, as a message of `assistant`"),
        column("rejected", MESSAGES, "a response that was verified wrong, as a message of `assistant`"),
        *TASK_FIELDS,
        *CHECK_FIELDS,
        column("chosen_trace_id", pa.string(), "the trace behind `chosen`"),
        column("rejected_trace_id", pa.string(), "the trace behind `rejected`"),
        column("chosen_teacher", pa.string(), "who wrote `chosen`: the teacher's model and revision"),
        column("rejected_teacher", pa.string(), "who wrote `rejected`: the teacher's model and revision"),
        column("chosen_tokens", pa.int64(), "tokens of `chosen`"),
        column("rejected_tokens", pa.int64(), "tokens of `rejected`"),
        column(
            "rejected_truncated", pa.bool_(), "`rejected` was cut off by the token limit, or never closed its thinking"
        ),
    ]
)


def preference(group: TaskAttempts, max_per_task: int | None) -> Selection:
    """Gives the task's shortest right trace paired with each wrong one, by sample index, at most `max_per_task` pairs.

    Only `correct` and `wrong` count: whatever else a verdict says is no label. A truncated trace is never chosen.
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
    if not (right and wrong):
        missing = "no right trace to set against it" if wrong else "no wrong trace to set against it"
        rejects += [left_out("preference", attempt, "no_pair", missing) for attempt in right + wrong]
        return Selection([], 0, rejects)
    chosen = min(right, key=lambda a: (a.trace.completion_tokens, a.trace.trace_id))
    taken = wrong[:max_per_task]
    twin, why = chosen.trace.trace_id, "the shortest right trace stands for the task"
    rejects += [left_out("preference", a, "longer_than_chosen", why, twin=twin) for a in right if a is not chosen]
    rejects += [
        left_out("preference", a, "over_max_per_task", f"{max_per_task} pairs of this task are in")
        for a in wrong[len(taken) :]
    ]
    return Selection([_row(group, chosen, rejected) for rejected in taken], 1 + len(taken), rejects)


def _row(group: TaskAttempts, chosen: Attempt, rejected: Attempt) -> dict[str, Any]:
    return {
        "prompt": [said("user", group.task.prompt)],
        "chosen": [said("assistant", response(chosen.trace))],
        "rejected": [said("assistant", response(rejected.trace))],
        **values(group.task, TASK_FIELDS),
        **values(group.task, CHECK_FIELDS),
        "chosen_trace_id": chosen.trace.trace_id,
        "rejected_trace_id": rejected.trace.trace_id,
        "chosen_teacher": chosen.trace.revision,
        "rejected_teacher": rejected.trace.revision,
        "chosen_tokens": chosen.trace.completion_tokens,
        "rejected_tokens": rejected.trace.completion_tokens,
        "rejected_truncated": rejected.trace.truncated,
    }
