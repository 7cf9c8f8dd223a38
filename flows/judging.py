"""Traces and what the verifiers say of them, as the records that a store keeps."""

from collections.abc import Sequence

from catalog.records import Task, Trace, Verdict
from flows.workbench import Workbench
from verifiers.judge import Item
from verifiers.verdict import Judgement


def judge(bench: Workbench, tasks: Sequence[Task], traces: Sequence[Trace]) -> list[Verdict]:
    """Gives a verdict a trace; those of `infrastructure` are tried once more."""
    by_id = {task.task_id: task for task in tasks}
    items = []
    for trace in traces:
        task = by_id[trace.task_id]
        items.append(Item(task.verifier, trace.answer, task.reference, task.spec))
    judgements = bench.pool.judge_many(items)
    again = [i for i, judgement in enumerate(judgements) if judgement.verdict == "infrastructure"]
    if again:
        for i, judgement in zip(again, bench.pool.judge_many([items[i] for i in again]), strict=True):
            judgements[i] = judgement
    return [verdict_of(trace, judgement) for trace, judgement in zip(traces, judgements, strict=True)]


def verdict_of(trace: Trace, judged: Judgement) -> Verdict:
    """Gives a judgement of a trace as the record that a store keeps."""
    return Verdict(
        trace_id=trace.trace_id,
        task_id=trace.task_id,
        verdict=judged.verdict,
        extracted=judged.extracted,
        detail=judged.detail,
        ms=judged.ms,
        verifier=judged.verifier,
        version=judged.version,
    )
