"""Rollouts and what their task's verifier says of them."""

from collections.abc import Sequence

from catalog.records import Task
from generators.retro_search.revision import Judge, Tried
from generators.retro_search.rollouts import Rollout
from generators.retro_search.value import value
from verifiers.judge import Item
from verifiers.verdict import Judgement


class OwedError(Exception):
    """A verifier had no worker to run on, twice."""


async def judged(rollouts: Sequence[Rollout], task: Task, gamma: float, judge: Judge) -> list[Tried]:
    """Gives each rollout with its verdict as outcome. Raises OwedError where one could not be judged for now."""
    owed = [one for one in rollouts if one.problem is None]
    found: dict[int, Judgement] = {}
    for _ in range(2):
        items = [Item(task.verifier, one.answer, task.reference, task.spec) for one in owed]
        if items:
            found |= {one.index: j for one, j in zip(owed, await judge(items), strict=True)}
        owed = [one for one in owed if found[one.index].verdict == "infrastructure"]
    if owed:
        raise OwedError("a verifier had no worker to run on")
    tried = []
    for one in rollouts:
        if one.problem is not None:
            tried.append(Tried(one, one.problem, one.detail, 0.0))
            continue
        verdict = found[one.index].verdict
        worth = value(one.steps, gamma) if verdict == "correct" else 0.0
        tried.append(Tried(one, verdict, found[one.index].detail, worth))
    return tried
