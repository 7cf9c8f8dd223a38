"""What revising came to: traces, switch points, steps and tokens before and after, and the same for the controls."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from catalog.records import Revision
from generators.retro_search.controls import drop_branch_heavy
from generators.retro_search.stats import Spread, spread


@dataclass(frozen=True)
class Arm:
    """What one way to shorter traces made of the traces that all ways were tried on."""

    name: str
    shortened: int
    """Traces of which it found a shorter correct one."""
    tokens: float
    """Mean tokens of all of them, those that it left as they were included."""
    steps: float
    spent: int
    """New tokens that it was given and used."""


@dataclass(frozen=True)
class RevisionReport:
    """Revisions in numbers."""

    traces: int
    """Correct traces that were looked at."""
    revised: int
    reasons: dict[str, int]
    """Traces that were not revised, by reason."""
    tried: int
    """Switch points."""
    accepted: int
    rollouts: dict[str, int]
    """By outcome; redrawn_out are those whose first step opened another thought each time."""
    steps_before: Spread
    """Of the traces that were revised."""
    steps_after: Spread
    tokens_before: Spread
    tokens_after: Spread
    spent: int
    """New tokens of all rollouts."""
    spent_per_saved: float | None
    """New tokens per token that the revised traces are shorter; None where none is saved."""
    cache_hits: float | None
    """Share of the prompts' tokens that the engine had in its prefix cache; None where it does not tell."""
    controlled: int
    """Traces on which the controls were tried."""
    arms: tuple[Arm, ...]
    """Retro-Search and the controls, on those."""
    verdict: str
    """What the comparison says, in a sentence."""

    def as_dict(self) -> dict[str, Any]:
        """Gives it as plain values for JSON."""
        return asdict(self)


def from_dict(values: dict[str, Any]) -> RevisionReport:
    """Gives back a report from `as_dict` of one, perhaps by way of JSON."""
    spreads = {
        name: Spread(**{**values[name], "deciles": tuple(values[name]["deciles"])})
        for name in ("steps_before", "steps_after", "tokens_before", "tokens_after")
    }
    return RevisionReport(**{**values, **spreads, "arms": tuple(Arm(**arm) for arm in values["arms"])})


def report(rows: Iterable[Revision]) -> RevisionReport:
    """Gives the report of the revisions of a build or a file."""
    rows = list(rows)
    revised = [row for row in rows if row.trace_id is not None]
    saved = sum(row.tokens_before - row.tokens_after for row in revised)
    spent = sum(row.completion_tokens for row in rows)
    told = sum(row.told_tokens for row in rows)
    outcomes: Counter[str] = Counter()
    for row in rows:
        outcomes.update(json.loads(row.outcomes))
    compared = [row for row in rows if row.controls != "{}"]
    arms = _arms(compared)
    return RevisionReport(
        traces=len(rows),
        revised=len(revised),
        reasons=dict(Counter(row.reason for row in rows if row.trace_id is None).most_common()),
        tried=sum(row.tried for row in rows),
        accepted=sum(row.accepted for row in rows),
        rollouts=dict(outcomes.most_common()),
        steps_before=spread([row.steps_before for row in revised]),
        steps_after=spread([row.steps_after for row in revised]),
        tokens_before=spread([row.tokens_before for row in revised]),
        tokens_after=spread([row.tokens_after for row in revised]),
        spent=spent,
        spent_per_saved=round(spent / saved, 2) if saved > 0 else None,
        cache_hits=round(sum(row.cached_tokens for row in rows) / told, 4) if told else None,
        controlled=len(compared),
        arms=arms,
        verdict=_verdict(arms, len(compared)),
    )


def _arms(rows: Sequence[Revision]) -> tuple[Arm, ...]:
    if not rows:
        return ()
    retro = Arm(
        "retro_search",
        sum(row.trace_id is not None for row in rows),
        _mean([row.tokens_after for row in rows]),
        _mean([row.steps_after for row in rows]),
        sum(row.completion_tokens for row in rows),
    )
    arms = [retro]
    for name in ("shortest_of_n", "random_truncation"):
        made = [json.loads(row.controls)[name] for row in rows]
        arms.append(
            Arm(
                name,
                sum(one["shortened"] for one in made),
                _mean([one["tokens"] for one in made]),
                _mean([one["steps"] for one in made]),
                sum(one["spent"] for one in made),
            )
        )
    kept = drop_branch_heavy(rows, lambda row: row.thoughts, lambda row: row.tokens_before, retro.tokens)
    if kept:
        name = f"drop_branch_heavy (leaves {len(kept)} of {len(rows)})"
        arms.append(Arm(name, 0, _mean([r.tokens_before for r in kept]), _mean([r.steps_before for r in kept]), 0))
    return tuple(arms)


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 1)


def _verdict(arms: Sequence[Arm], traces: int) -> str:
    if not arms:
        return "no trace was given to the controls, so nothing is said of them"
    retro, others = arms[0], [arm for arm in arms[1:] if arm.spent]
    best = min(others, key=lambda arm: arm.tokens, default=None)
    if best is None:
        return "the controls used no token, so nothing is said of them"
    if retro.tokens < best.tokens:
        return (
            f"on {traces} traces Retro-Search leaves {retro.tokens:,} tokens a trace, fewer than the best control, "
            f"{best.name}, with {best.tokens:,}"
        )
    return (
        f"on {traces} traces Retro-Search does not beat its controls: {retro.tokens:,} tokens a trace, and {best.name} "
        f"leaves {best.tokens:,}"
    )


def lines(of: RevisionReport) -> list[str]:
    """Gives the report for a person, a fact a line."""
    told = [
        f"revised {of.revised:,} of {of.traces:,} correct traces" + _among(of.reasons, "; not revised: "),
        f"switch points {of.tried:,} tried, {of.accepted:,} accepted" + _among(of.rollouts, "; rollouts: "),
    ]
    if of.revised:
        for name, before, after in (
            ("tokens", of.tokens_before, of.tokens_after),
            ("steps", of.steps_before, of.steps_after),
        ):
            told.append(
                f"{name} of the revised: mean {before.mean:,.1f} to {after.mean:,.1f}, median {before.median:,.0f} to "
                f"{after.median:,.0f}; deciles {_deciles(before)} to {_deciles(after)}"
            )
    per = "" if of.spent_per_saved is None else f", {of.spent_per_saved:,.1f} for each token saved"
    told.append(f"spent {of.spent:,} tokens{per}")
    if of.cache_hits is not None:
        told.append(f"prefix cache: {of.cache_hits:.0%} of the prompts' tokens were in it")
    told += [
        f"{arm.name}: shortened {arm.shortened} of {of.controlled}, {arm.tokens:,} tokens and {arm.steps:,} steps a "
        f"trace, {arm.spent:,} tokens spent"
        for arm in of.arms
    ]
    return [*told, of.verdict]


def _among(counts: dict[str, int], head: str) -> str:
    return head + ", ".join(f"{name} {number:,}" for name, number in counts.items()) if counts else ""


def _deciles(of: Spread) -> str:
    return " ".join(f"{value:.0f}" for value in of.deciles)
