"""What comes of revising one trace: the revision or the reason for none, and every switch point that was tried."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from catalog.records import Trace
from generators.retro_search.reviser import Spent
from generators.retro_search.rollouts import Rollout
from verifiers.judge import Item
from verifiers.verdict import Judgement

Judge = Callable[[Sequence[Item]], Awaitable[Sequence[Judgement]]]
"""Gives a judgement for each item, in their order."""

REVISED, PENDING = "revised", "pending"


@dataclass(frozen=True, slots=True)
class Tried:
    """A rollout and what became of it."""

    rollout: Rollout
    outcome: str
    """accepted, correct (and shorter, but not taken), not_shorter, another verdict (wrong, unparsable, ...) or the
    rollout's problem (cut_off, unclosed, redrawn_out, refused)."""
    detail: str
    value: float
    """gamma^(steps after its first) where it is correct, else 0."""


@dataclass(frozen=True, slots=True)
class SwitchPoint:
    """A switch of thought that was tried."""

    start: int
    switch: int
    """Number of the thought kept last."""
    version: int
    """Number, among the revision's versions, of the text that it is a switch point of."""
    offset: int
    """Characters of that version's thinking that were kept in front of the rollouts."""
    steps: int
    """Steps of that version behind it, its answer's included."""
    value: float
    """gamma^(steps after the first of those)."""
    outcome: str
    """accepted, not_better (some rollout was correct, their mean value was no higher) or, with none correct, the
    outcome of the rollout that came nearest."""
    rollouts: tuple[Tried, ...]

    @property
    def mean_value(self) -> float:
        """Mean value of the rollouts."""
        return sum(tried.value for tried in self.rollouts) / len(self.rollouts)


@dataclass(frozen=True, slots=True)
class Version:
    """A text on the way: the original, or what an accepted rollout made of the version before it."""

    start: int
    thinking: str
    answer: str
    steps: int
    """Of thinking and answer."""
    tokens: int
    """Of thinking and answer; see `generators.retro_search.search` for how they are counted."""
    kept: int
    """Characters of the original's thinking that still stand at its beginning."""
    point: int | None
    """Number of the switch point at which it was accepted; None for the original."""


@dataclass(frozen=True, slots=True)
class Revision:
    """What came of one trace."""

    parent: Trace
    trace: Trace | None
    """The revised trace; None where there is none."""
    reason: str
    """revised; or not_correct, truncated, no_thinking, one_thought, answer_not_found (by tail and close), nothing_after
    (the answer stands in the last thought), nothing_accepted; pending: still owed, the same call goes on from there."""
    cause: str
    """Why it is pending, in a sentence."""
    ended: str
    """What ended the search early: switches, budget or refused (the prompt grew too long); empty where nothing did."""
    points: tuple[SwitchPoint, ...]
    """All that were tried, in order."""
    versions: tuple[Version, ...]
    """The original and each accepted rollout's, in order."""
    best: int
    """Number of the version that the revised trace holds; 0 where there is none."""
    spent: Spent

    @property
    def pool(self) -> tuple[int, ...]:
        """Numbers of the versions at which the starts ended that found one, best first: fewest steps, then tokens."""
        last = {version.start: number for number, version in enumerate(self.versions) if version.point is not None}
        return tuple(sorted(last.values(), key=lambda i: (self.versions[i].steps, self.versions[i].tokens, i)))
