"""Preference pairs of a revision: two tails of the same prefix, of which one was verified to be worth more.

Only `correct` and `wrong` count: a rollout that was cut off, or that its verifier could not judge, is on neither side.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from generators.retro_search.revision import Revision, SwitchPoint, Tried


@dataclass(frozen=True, slots=True)
class Tail:
    """What follows a prefix: reasoning and answer, and the completion that ends it (None in the original trace)."""

    thinking: str
    answer: str
    value: float
    """gamma^(steps after the first) where it is correct, else 0."""
    completion_key: str | None


@dataclass(frozen=True, slots=True)
class Pair:
    """The better and the worse of two tails."""

    task_id: str
    parent: str
    """The trace that was revised."""
    start: int
    switch: int
    prefix: str
    """Reasoning in front of both."""
    chosen: Tail
    rejected: Tail
    reason: str
    """shorter (both are correct) or right (the rejected one is wrong)."""


def pairs(revision: Revision) -> Iterator[Pair]:
    """Gives the pairs of all switch points tried, in their order.

    The better tail is the accepted rollout, or the trace's own where none was accepted; against it stand the tail that
    an accepted rollout replaced, and all rollouts that are wrong or, with a lower value, correct.
    """
    for point in revision.points:
        version = revision.versions[point.version]
        own = Tail(version.thinking[point.offset :], version.answer, point.value, _origin(revision, point))
        accepted = next((one for one in point.rollouts if one.outcome == "accepted"), None)
        chosen = own if accepted is None else _tail(accepted)
        steps = point.steps if accepted is None else accepted.rollout.steps
        if accepted is not None:
            yield _pair(revision, point, chosen, own, "shorter")
        for one in point.rollouts:
            if one.outcome == "wrong":
                yield _pair(revision, point, chosen, _tail(one), "right")
            elif one.outcome in ("correct", "not_shorter") and one.rollout.steps > steps:
                yield _pair(revision, point, chosen, _tail(one), "shorter")


def _origin(revision: Revision, point: SwitchPoint) -> str | None:
    made_at = revision.versions[point.version].point
    if made_at is None:
        return None
    return next(_tail(one).completion_key for one in revision.points[made_at].rollouts if one.outcome == "accepted")


def _tail(tried: Tried) -> Tail:
    rollout = tried.rollout
    return Tail(rollout.thinking, rollout.answer, tried.value, rollout.completions[-1].key)


def _pair(revision: Revision, point: SwitchPoint, chosen: Tail, rejected: Tail, reason: str) -> Pair:
    prefix = revision.versions[point.version].thinking[: point.offset]
    parent = revision.parent
    return Pair(parent.task_id, parent.trace_id, point.start, point.switch, prefix, chosen, rejected, reason)
