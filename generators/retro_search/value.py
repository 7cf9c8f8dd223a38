"""What rollouts are worth against the tail they would replace: V = gamma^(steps left) x correct (Retro-Search, 2).

Steps left are those after the first step of a tail, of N in all N - 1. With one rollout the comparison says: correct,
and strictly fewer steps, whatever gamma is; with several, one lucky short rollout among many wrong ones may lose.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from generators.retro_search.revision import Tried

_NEAREST = ("wrong", "unparsable", "timeout", "memory", "crash", "bad_reference", "cut_off", "unclosed", "redrawn_out")
"""Outcomes of rollouts that are not correct, those that came nearest first."""


def value(steps: int, gamma: float) -> float:
    """Gives the value of a correct tail of so many steps; one without any is worth 1, as one of a single step."""
    return gamma ** max(0, steps - 1)


def better(steps: Sequence[int], rollouts: int, old: int, gamma: float) -> bool:
    """Tells whether rollouts are worth more on average than a correct tail of `old` steps.

    `steps` has those of the correct ones among all `rollouts`. In logarithms: over thousands of steps all values are 0.
    """
    if not steps:
        return False
    fewest = min(steps)
    total = sum(gamma ** (count - fewest) for count in steps)
    return math.log(total) - math.log(rollouts) + fewest * math.log(gamma) > old * math.log(gamma)


def accept(tried: Sequence[Tried], old: int, gamma: float) -> tuple[Tried | None, list[Tried]]:
    """Gives the rollout that replaces a tail of `old` steps, if one does, and all of them with their outcomes."""
    right = [one for one in tried if one.outcome == "correct"]
    shorter = [one for one in right if one.rollout.steps < old]
    told = [replace(one, outcome="not_shorter") if one in right and one not in shorter else one for one in tried]
    if not better([one.rollout.steps for one in right], len(tried), old, gamma):
        return None, told
    chosen = min(shorter, key=lambda one: (one.rollout.steps, one.rollout.completion_tokens, one.rollout.index))
    taken = replace(chosen, outcome="accepted")
    return taken, [taken if one is chosen else one for one in told]


def summed_up(tried: Sequence[Tried]) -> str:
    """Gives the outcome of a switch point, of those of its rollouts."""
    outcomes = {one.outcome for one in tried}
    if "accepted" in outcomes:
        return "accepted"
    if outcomes & {"correct", "not_shorter"}:
        return "not_better" if "correct" in outcomes else "not_shorter"
    return next((outcome for outcome in _NEAREST if outcome in outcomes), "refused")
