"""The vote inside a build: tasks that were imported without a reference get the answer that their traces agree on."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from catalog.ids import canonical_json
from catalog.records import Task, Trace
from catalog.votes import CONSENSUS, spec_before_vote
from verifiers.consensus import Ballot, Judge, Vote, answer_of, votes


def with_references(tasks: Sequence[Task], traces: Sequence[Trace], judge_many: Judge) -> list[Task]:
    """Gives the tasks, those whose reference is got by vote with the one that their traces now agree on.

    What the vote came to is in such a task's spec; its reference is empty where that is not enough. An earlier vote
    over fewer traces is held again, and the same traces give the same tasks.
    """
    asked = {task.task_id: spec for task in tasks if (spec := _before_vote(task)) is not None}
    answers: dict[str, list[str | None]] = {name: [] for name in asked}
    by_id = {task.task_id: task for task in tasks}
    for trace in sorted(traces, key=lambda trace: trace.trace_id):
        if trace.task_id in asked:
            task = by_id[trace.task_id]
            answers[trace.task_id].append(answer_of(trace.answer, task.verifier, canonical_json(asked[trace.task_id])))
    ballots = [Ballot(tuple(answers[n]), None, by_id[n].verifier, canonical_json(spec)) for n, spec in asked.items()]
    held = dict(zip(asked, votes(ballots, judge_many), strict=True))
    return [_decided(task, asked[task.task_id], held[task.task_id]) if task.task_id in held else task for task in tasks]


def _before_vote(task: Task) -> dict[str, Any] | None:
    return spec_before_vote(task.task_id, task.domain, task.prompt, task.verifier, task.spec)


def _decided(task: Task, spec: dict[str, Any], vote: Vote) -> Task:
    min_share = spec[CONSENSUS]["min_share"]
    agreeing = [len(group.members) for group in vote.groups]
    came_to = {
        "min_share": min_share,
        "share": round(vote.share, 6),
        "entropy": round(vote.entropy, 6),
        "votes": sum(agreeing) + len(vote.abstained),
        "agreeing": max(agreeing, default=0),
    }
    return replace(task, reference=vote.reference(min_share) or "", spec=canonical_json(spec | {CONSENSUS: came_to}))
