"""`rl`: a task a row, with what it takes to reward an answer and how often the teacher got it right."""

import pyarrow as pa

from catalog.profiles.attempts import TaskAttempts
from catalog.profiles.columns import CHECK_FIELDS, MESSAGES, TASK_FIELDS, Selection, column, columns_of, said, values
from catalog.records import Reject, Task

STRUCTURE_FIELDS = columns_of(Task, ("structure",))

REWARDS = pa.list_(pa.struct([("trace_id", pa.string()), ("reward", pa.float64())]))

SCHEMA = pa.schema(
    [
        column("prompt", MESSAGES, "the problem, as a message of `user`"),
        *CHECK_FIELDS,
        *TASK_FIELDS,
        *STRUCTURE_FIELDS,
        column("pass_rate", pa.float64(), "correct / (correct + wrong); null where neither was seen"),
        column("correct", pa.int64(), "sampled traces that were verified right"),
        column("wrong", pa.int64(), "sampled traces that were verified wrong"),
        column("rewards", REWARDS, "of its traces: 1 for right, 0 for wrong, less 0.1 where all runs of code failed"),
    ]
)


def rl(group: TaskAttempts, max_per_task: int | None) -> Selection:
    """Gives the task as one row, unless its verifier found the reference faulty; `max_per_task` plays no part."""
    task = group.task
    if any(attempt.verdict == "bad_reference" for attempt in group.attempts):
        detail = next(a.judged.detail for a in group.attempts if a.judged and a.verdict == "bad_reference")
        reject = Reject(task.task_id, "task", "export_rl", "bad_reference", detail, None, None, "{}")
        return Selection([], 0, [reject])
    judged = group.correct + group.wrong
    row = {
        "prompt": [said("user", task.prompt)],
        **values(task, CHECK_FIELDS),
        **values(task, TASK_FIELDS),
        **values(task, STRUCTURE_FIELDS),
        "pass_rate": group.correct / judged if judged else None,
        "correct": group.correct,
        "wrong": group.wrong,
        "rewards": [
            {
                "trace_id": attempt.trace.trace_id,
                "reward": float(attempt.verdict == "correct") if attempt.reward is None else attempt.reward,
            }
            for attempt in group.attempts
            if attempt.verdict in ("correct", "wrong")
        ],
    }
    return Selection([row], 1, [])
