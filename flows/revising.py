"""The stage `revise` on one shard: Retro-Search's results as a store's records, each trace accounted for."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from catalog import ledger
from catalog.ids import canonical_json, digest
from catalog.records import Pair, Reject, Revision, StageCount, Task, Trace, Verdict
from flows.workbench import Workbench
from generators.retro_search import pairs as worth
from generators.retro_search import revision as found
from generators.retro_search.controls import Control
from generators.retro_search.revision import PENDING
from generators.retro_search.rollouts import Reviser
from generators.retro_search.segment import segment
from generators.subject import Subject

STAGE = "revise"

Controls = dict[str, dict[str, Control]]
"""By trace and name."""


@dataclass(frozen=True, slots=True)
class Revised:
    """What came of the correct traces of a shard."""

    traces: list[Trace]
    revisions: list[Revision]
    pairs: list[Pair]
    rejects: list[Reject]
    """One for each trace of which no shorter one was found; the trace itself stays."""
    count: StageCount
    causes: list[str]
    """Why some are still owed, a line each, without repeats."""


def subjects_of(tasks: Sequence[Task], traces: Sequence[Trace], verdicts: Sequence[Verdict]) -> list[Subject]:
    """Gives the traces that are revised: whole ones that are verified correct."""
    by_task = {task.task_id: task for task in tasks}
    by_trace = {verdict.trace_id: verdict for verdict in verdicts}
    return [
        Subject(by_task[trace.task_id], trace, by_trace[trace.trace_id])
        for trace in traces
        if by_trace[trace.trace_id].verdict == "correct" and not trace.truncated
    ]


def revise_shard(
    bench: Workbench, shard: int, tasks: Sequence[Task], traces: Sequence[Trace], verdicts: Sequence[Verdict]
) -> Revised:
    """Revises a shard's correct traces; what is still owed is counted as pending."""
    assert bench.reviser is not None
    started = time.monotonic()
    subjects = subjects_of(tasks, traces, verdicts)
    made, controls, causes = revise(bench, subjects)
    done = [one for one in made if one.reason != PENDING]
    rejects = [_not_revised(one, bench.reviser.settings.mode) for one in done if one.trace is None]
    return Revised(
        traces=[one.trace for one in done if one.trace is not None],
        revisions=[record(one, bench.reviser, controls.get(one.parent.trace_id, {})) for one in done],
        pairs=[pair for one in done for pair in pairs_of(one, bench.reviser)],
        rejects=rejects,
        count=ledger.count(
            STAGE,
            shard,
            "revision",
            rows_in=len(subjects),
            rows_out=len(done) - len(rejects),
            rejects=len(rejects),
            pending=len(made) - len(done),
            prompt_tokens=sum(one.spent.prompt_tokens for one in made),
            completion_tokens=sum(one.spent.completion_tokens for one in made),
            seconds=time.monotonic() - started,
        ),
        causes=causes,
    )


def revise(bench: Workbench, subjects: Sequence[Subject]) -> tuple[list[found.Revision], Controls, list[str]]:
    """Gives the revisions of traces, what the controls made of a share of them, and why some are still owed.

    A trace whose control is owed is pending like one whose revision is.
    """
    assert bench.reviser is not None
    made = bench.revise(subjects)
    share = bench.reviser.settings.controls
    chosen = [
        (subject, one.spent.completion_tokens)
        for subject, one in zip(subjects, made, strict=True)
        if one.reason != PENDING and one.spent.completion_tokens and _drawn(one.parent.trace_id) < share
    ]
    controls: Controls = {}
    owed: dict[str, str] = {}
    if chosen:
        for name, results in bench.control([s for s, _ in chosen], [budget for _, budget in chosen]).items():
            for result in results:
                controls.setdefault(result.parent.trace_id, {})[name] = result
                if result.cause:
                    owed[result.parent.trace_id] = result.cause
    made = [
        replace(one, reason=PENDING, cause=owed[one.parent.trace_id]) if one.parent.trace_id in owed else one
        for one in made
    ]
    return made, controls, sorted({one.cause for one in made if one.reason == PENDING})


def _drawn(trace_id: str) -> float:
    """Gives the trace's place in [0, 1), by hash, so that a resumed build draws the same."""
    return int(digest("control", trace_id)[:13], 16) / 16**13


def record(one: found.Revision, reviser: Reviser, controls: Mapping[str, Control]) -> Revision:
    """Gives a revision as the record that a store keeps."""
    before, after = one.versions[0], one.versions[one.best]
    points = [
        {
            "start": point.start,
            "switch": point.switch,
            "offset": point.offset,
            "steps": point.steps,
            "value": point.value,
            "mean_value": point.mean_value,
            "outcome": point.outcome,
        }
        for point in one.points
    ]
    outcomes = Counter(tried.outcome for point in one.points for tried in point.rollouts)
    return Revision(
        parent=one.parent.trace_id,
        task_id=one.parent.task_id,
        trace_id=one.trace.trace_id if one.trace else None,
        mode=reviser.settings.mode,
        teacher=reviser.sampler.teacher.name,
        revision=reviser.sampler.teacher.revision,
        reason=one.reason,
        ended=one.ended,
        thoughts=len(segment(one.parent.thinking, reviser.settings.keywords).thoughts),
        steps_before=before.steps,
        steps_after=after.steps,
        tokens_before=before.tokens,
        tokens_after=after.tokens,
        kept=after.kept,
        tried=len(one.points),
        accepted=sum(point.outcome == "accepted" for point in one.points),
        outcomes=canonical_json(outcomes),
        points=canonical_json(points),
        controls=canonical_json({name: _as_control(control) for name, control in controls.items()}),
        prompt_tokens=one.spent.prompt_tokens,
        completion_tokens=one.spent.completion_tokens,
        cached_tokens=one.spent.cached_tokens,
        told_tokens=one.spent.told_tokens,
    )


def _not_revised(one: found.Revision, mode: str) -> Reject:
    outcomes = Counter(point.outcome for point in one.points)
    told = ", ".join(f"{outcome} {number}" for outcome, number in sorted(outcomes.items()))
    return Reject(
        row_id=one.parent.trace_id,
        row_kind="revision",
        stage=STAGE,
        reason=one.reason,
        detail=f"{len(one.points)} switch points tried: {told}" if one.points else "the trace stays as it is",
        twin=None,
        score=None,
        evidence=canonical_json({"mode": mode, "ended": one.ended}),
    )


def _as_control(control: Control) -> dict[str, Any]:
    return {
        "shortened": control.shortened,
        "steps": control.steps,
        "tokens": control.tokens,
        "spent": control.spent.completion_tokens,
        "outcomes": dict(control.outcomes),
    }


def pairs_of(one: found.Revision, reviser: Reviser) -> Iterator[Pair]:
    """Gives the preference pairs of a revision as records."""
    for pair in worth.pairs(one):
        yield Pair(
            task_id=pair.task_id,
            parent=pair.parent,
            trace_id=one.trace.trace_id if one.trace else None,
            prefix=pair.prefix,
            chosen_thinking=pair.chosen.thinking,
            chosen_answer=pair.chosen.answer,
            chosen_value=pair.chosen.value,
            chosen_key=pair.chosen.completion_key,
            rejected_thinking=pair.rejected.thinking,
            rejected_answer=pair.rejected.answer,
            rejected_value=pair.rejected.value,
            rejected_key=pair.rejected.completion_key,
            reason=pair.reason,
            teacher=reviser.sampler.teacher.revision,
        )
