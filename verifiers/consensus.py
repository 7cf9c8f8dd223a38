r"""The answer that most responses to one task agree on, for tasks that have no reference.

Two answers are one where the task's verifier judges each correct against the other. That is not transitive (50\% is 0.5
and is 50, which are not each other), so groups are stars, not chains: the writing with the most weight gathers all that
equal it, the heaviest of the rest gathers again, and so on. The order of the responses plays no part.
"""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from verifiers import choice, judge, text
from verifiers.answer import final_answer
from verifiers.judge import Item
from verifiers.verdict import Judgement

VOTED = ("math", "choice", "text")
"""Verifiers by which answers can be compared; formulas and programs are checked without a reference."""

MIN_AGREEING = 2
"""Responses that a winner has at least, to become a reference: one alone agrees with nobody."""

MAX_ANSWER_CHARS = 2_000
"""A longer answer is an abstention: algebra would not look at it."""

MAX_WRITINGS = 256
"""Different writings of one task that are compared, the heaviest; each of the others is a group of its own."""

Judge = Callable[[Sequence[Item]], list[Judgement]]
"""`verifiers.pool.Pool.judge_many`, or what stands in its place."""


@dataclass(frozen=True, slots=True)
class Ballot:
    """What one task's responses answer: a text each, None where there is none; a weight each, or 1 for all.

    `verifier` (of VOTED) and `spec`, a JSON object's text, say when two answers are one.
    """

    answers: tuple[str | None, ...]
    weights: tuple[float, ...] | None = None
    verifier: str = "math"
    spec: str = "{}"


@dataclass(frozen=True, slots=True)
class Group:
    """Responses with one answer: its heaviest writing, the responses' positions in the ballot, their weight."""

    answer: str
    members: tuple[int, ...]
    weight: float


@dataclass(frozen=True, slots=True)
class Vote:
    """What a vote came to.

    `winner` is the heaviest group's answer; None where nobody answered, where two groups tie, and where comparisons
    without a verdict could have changed the winner. `share` is the heaviest group's part of the whole weight,
    abstentions included: a response without an answer does not support the winner. `entropy`, in bits, is over the
    groups by weight, 0 where all who answered agree. `groups` go from the heaviest to the lightest, `abstained` holds
    the positions of the others, `undecided` counts the comparisons that ended by time, memory or without a worker, and
    the writings past MAX_WRITINGS.
    """

    winner: str | None
    share: float
    entropy: float
    groups: tuple[Group, ...]
    abstained: tuple[int, ...]
    undecided: int

    def reference(self, min_share: float) -> str | None:
        """Gives the winner where it is enough for a reference: so much of the weight, and MIN_AGREEING responses."""
        enough = self.winner is not None and self.share >= min_share and len(self.groups[0].members) >= MIN_AGREEING
        return self.winner if enough else None


def vote(answers: Sequence[str | None], weights: Sequence[float] | None = None, kind: str | None = None) -> Vote:
    """Gives the majority among the answers to one task, compared by the math verifier in this process.

    `kind` as in a math spec (see `verifiers.kinds`). Hostile answers may take long: `votes` takes a pool's judge.
    Raises ValueError for weights that are not one finite number from 0 on for each answer.
    """
    spec = "{}" if kind is None else json.dumps({"kind": kind})
    ballot = Ballot(tuple(answers), None if weights is None else tuple(weights), "math", spec)
    return votes([ballot], lambda items: [judge.slow(item) for item in items])[0]


def votes(ballots: Sequence[Ballot], judge_many: Judge) -> list[Vote]:
    """Gives each ballot's vote. All ballots' comparisons of one round are judged together. Raises as `vote` does."""
    counts = [_Count(ballot) for ballot in ballots]
    _drop_unreadable(counts, judge_many)
    while any(count.waiting for count in counts):
        pairs = [(count, count.waiting[0], other) for count in counts for other in count.waiting[1:]]
        there = judge_many([count.item(leader, other) for count, leader, other in pairs])
        maybe = [i for i, judged in enumerate(there) if judged.verdict not in ("wrong", "unparsable", "bad_reference")]
        back = judge_many([pairs[i][0].item(pairs[i][2], pairs[i][1]) for i in maybe])
        for i, judged in zip(maybe, back, strict=True):
            count, leader, other = pairs[i]
            verdicts = {there[i].verdict, judged.verdict}
            if verdicts == {"correct"}:
                count.leader_of[other] = leader
            elif not verdicts & {"wrong", "unparsable", "bad_reference"}:
                count.undecided += 1
        for count in counts:
            count.close_round()
    return [count.vote() for count in counts]


def answer_of(response: str, verifier: str = "math", spec: str = "{}") -> str | None:
    """Gives the answer that a response votes for, as its verifier reads it; None is an abstention."""
    try:
        asked = judge.spec_of(spec)
    except ValueError:
        return None
    kind = asked.get("kind") if verifier == "math" else verifier
    if kind == "choice":
        return ", ".join(sorted(choice.letters(response, asked))) or None
    answer, problem = text.stated(response) if kind == "text" else final_answer(response)
    if problem or answer is None or len(answer) > MAX_ANSWER_CHARS:
        return None
    return answer.strip().removesuffix(".") or None  # the full stop of its sentence is no part of a reference


def item(verifier: str, answer: str, reference: str, spec: str) -> Item:
    r"""Gives what a verifier is asked to compare an answer with a reference; the answer is boxed unless it is."""
    return Item(verifier, answer if "\\boxed" in answer else f"\\boxed{{{answer}}}", reference, spec)


@dataclass
class _Count:
    """A ballot being counted: `leader_of` gives each gathered writing its group's, `waiting` has no group yet."""

    ballot: Ballot
    by_writing: dict[str, list[int]] = field(default_factory=dict)
    leader_of: dict[str, str] = field(default_factory=dict)
    waiting: list[str] = field(default_factory=list)
    undecided: int = 0

    def __post_init__(self) -> None:
        weights = self.ballot.weights
        if weights is not None and len(weights) != len(self.ballot.answers):
            raise ValueError(f"{len(weights)} weights for {len(self.ballot.answers)} answers")
        if not all(math.isfinite(weight) and weight >= 0 for weight in weights or ()):
            raise ValueError("a weight is no finite number from 0 on")
        for position, answer in enumerate(self.ballot.answers):
            if answer is not None and answer.strip():
                self.by_writing.setdefault(answer.strip(), []).append(position)
        self.waiting = sorted(self.by_writing, key=lambda text: (-self.weight(self.by_writing[text]), len(text), text))

    def weight(self, positions: Sequence[int]) -> float:
        weights = self.ballot.weights
        return float(len(positions)) if weights is None else math.fsum(weights[position] for position in positions)

    def item(self, answer: str, reference: str) -> Item:
        return item(self.ballot.verifier, answer, reference, self.ballot.spec)

    def close_round(self) -> None:
        """Takes the leader and all that it gathered from those that wait."""
        self.leader_of.update({writing: writing for writing in self.waiting[:1]})
        self.waiting = [writing for writing in self.waiting if writing not in self.leader_of]

    def vote(self) -> Vote:
        members: dict[str, list[int]] = {}
        for writing, leader in self.leader_of.items():
            members.setdefault(leader, []).extend(self.by_writing[writing])
        groups = [Group(leader, tuple(sorted(found)), self.weight(found)) for leader, found in members.items()]
        groups.sort(key=lambda group: (-group.weight, group.members))
        answered = {position for group in groups for position in group.members}
        everyone = range(len(self.ballot.answers))
        whole, voiced = self.weight(everyone), math.fsum(group.weight for group in groups)
        top = groups[0] if groups and groups[0].weight > 0 else None
        share = top.weight / whole if top else 0.0
        tied = len(groups) > 1 and math.isclose(groups[1].weight, groups[0].weight, rel_tol=1e-9)
        unsure = tied or (self.undecided > 0 and share <= 0.5)  # past a half, whatever else is equal cannot win
        parts = [group.weight / voiced for group in groups if group.weight > 0] if voiced else []
        return Vote(
            winner=top.answer if top and not unsure else None,
            share=share,
            entropy=max(0.0, -math.fsum(part * math.log2(part) for part in parts)),
            groups=tuple(groups),
            abstained=tuple(position for position in everyone if position not in answered),
            undecided=self.undecided,
        )


def _drop_unreadable(counts: Sequence[_Count], judge_many: Judge) -> None:
    """Makes abstentions of what its verifier does not accept as an answer to itself: of another kind, unbalanced."""
    judged = iter(judge_many([count.item(writing, writing) for count in counts for writing in count.waiting]))
    for count in counts:
        readable = [writing for writing in count.waiting if next(judged).verdict == "correct"]
        count.waiting, rest = readable[:MAX_WRITINGS], readable[MAX_WRITINGS:]
        count.leader_of.update({writing: writing for writing in rest})
        count.undecided = len(rest)
