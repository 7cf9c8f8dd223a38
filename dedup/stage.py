"""The dedup stage over a whole build: tasks first, then the traces of all of them."""

import time
from collections.abc import Iterable, Iterator
from itertools import groupby

from catalog.ledger import count
from catalog.records import Reject, StageCount, Task, Trace
from dedup.duplicates import Duplicate, as_reject, duplicate_traces, judge_tasks
from dedup.semantic import excerpt_of
from dedup.settings import DedupSettings


def run(tasks: Iterable[Task], traces: Iterable[Trace], settings: DedupSettings) -> Iterator[Reject | StageCount]:
    """Gives a reject for each duplicate as it is found, after the tasks' their count, after the traces' theirs.

    `traces` come grouped by task. Those of a dropped task are dropped with it (`duplicate_task`, the twin is the task
    that was kept), so that no task is in a dataset under two ids. Both streams are read once, and only the ids of
    dropped tasks and the traces of one task are held. The counts are of shard -1: they belong to the build.
    """
    started, rows, kept = time.monotonic(), 0, 0
    dropped: dict[str, str] = {}
    for task_id, duplicate in judge_tasks(tasks, settings):
        rows += 1
        if duplicate is None:
            kept += 1
        else:
            dropped[task_id] = duplicate.twin
            yield as_reject(duplicate, "task")
    yield count(
        "dedup",
        -1,
        "task",
        rows_in=rows,
        rows_out=kept,
        rejects=len(dropped),
        seconds=time.monotonic() - started,
    )
    started, rows, kept, rejects = time.monotonic(), 0, 0, 0
    for task_id, group in groupby(traces, key=lambda trace: trace.task_id):
        of_task = list(group)
        duplicates = _duplicates(of_task, dropped.get(task_id), settings)
        twice = {duplicate.row_id for duplicate in duplicates}
        rows += len(of_task)
        kept += sum(trace.trace_id not in twice for trace in of_task)
        rejects += len(duplicates)
        yield from (as_reject(duplicate, "trace") for duplicate in duplicates)
    yield count("dedup", -1, "trace", rows_in=rows, rows_out=kept, rejects=rejects, seconds=time.monotonic() - started)


def _duplicates(traces: list[Trace], twin: str | None, settings: DedupSettings) -> list[Duplicate]:
    if twin is None:
        return duplicate_traces(traces) if settings.exact else []
    return [
        Duplicate(
            trace.trace_id, twin, "duplicate_task", 1.0, {"task": trace.task_id, "answer": excerpt_of(trace.answer)}
        )
        for trace in traces
    ]
