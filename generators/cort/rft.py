"""Which hinted traces make training data: the filter of CoRT's rejection fine-tuning (section 2.2.2).

Right answers only, none that still shows one of the two inefficiencies, one a task, and no difficulty in excess.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from catalog.ids import canonical_json, digest
from catalog.records import Reject, Task
from generators.cort.detect import COMPUTE, TRUST, Position, positions
from generators.cort.search import Judged

STAGE = "rft"

DELAYED = 20.0
"""Score from which hand calculation that is left counts as delayed use of code."""


@dataclass(frozen=True, slots=True)
class Filtered:
    """The traces that are kept, and a reject for each of the others."""

    kept: list[Judged]
    rejects: list[Reject]


def rft(traces: Sequence[tuple[Task, Judged]], a_level: int | None = None) -> Filtered:
    """Gives the traces to train on, in their order.

    Of a task's traces the one with the fewest tokens stays. `a_level`: traces kept of each difficulty (rounded to a
    whole number; tasks without one count as one difficulty), None for no limit. Which ones is decided by a hash of the
    trace, so that the order of the input does not matter.
    """
    rejects: dict[str, Reject] = {}
    best: dict[str, tuple[Task, Judged]] = {}
    for task, one in traces:
        reason = _reason(one)
        if reason is not None:
            rejects[one.hinted.trace.trace_id] = _reject(one, *reason)
            continue
        before = best.get(task.task_id)
        if before is None or _cost(one) < _cost(before[1]):
            best[task.task_id] = task, one
    for task, one in traces:
        stays = best.get(task.task_id)
        if one.hinted.trace.trace_id not in rejects and stays is not None and stays[1] is not one:
            twin = stays[1].hinted.trace.trace_id
            rejects[one.hinted.trace.trace_id] = _reject(
                one, "costlier_twin", "another trace of the task is shorter", twin
            )
    levels = [(one.hinted.trace.trace_id, task.difficulty) for task, one in best.values()]
    rejects |= {reject.row_id: reject for reject in over_difficulty(levels, a_level)}
    kept = [one for _, one in traces if one.hinted.trace.trace_id not in rejects]
    return Filtered(kept, list(rejects.values()))


def over_difficulty(traces: Sequence[tuple[str, float | None]], a_level: int | None) -> list[Reject]:
    """Gives a reject for each trace, by id and its task's difficulty, that is more than `a_level` of its difficulty."""
    levels: dict[int | None, list[str]] = defaultdict(list)
    for name, difficulty in traces:
        levels[None if difficulty is None else round(difficulty)].append(name)
    return [
        Reject(
            name,
            "trace",
            STAGE,
            "difficulty_full",
            f"{a_level} traces of difficulty {level} are kept",
            None,
            None,
            "{}",
        )
        for level, names in levels.items()
        for name in sorted(names, key=lambda name: digest("rft", name))[a_level or len(names) :]
    ]


def inefficiencies(one: Judged) -> list[Position]:
    """Gives what is left in a trace of delayed code (hand calculation) and of distrust in tool output."""
    found = positions(one.hinted.text, one.hinted.output_spans)
    return [p for p in found if p.kind == TRUST or (p.kind == COMPUTE and p.score >= DELAYED)]


def _reason(one: Judged) -> tuple[str, str] | None:
    trace = one.hinted.trace
    if one.judgement.verdict != "correct":
        return "not_correct", f"its verdict is {one.judgement.verdict}"
    if trace.truncated:
        return "truncated", "it was cut off"
    left = inefficiencies(one)
    if left:
        reason = "distrusts_code" if left[0].kind == TRUST else "delays_code"
        return reason, f"at character {left[0].at} of its thinking, score {left[0].score:g}"
    return None


def _cost(one: Judged) -> tuple[int, str]:
    return one.hinted.trace.completion_tokens, one.hinted.trace.trace_id


def _reject(one: Judged, reason: str, detail: str, twin: str | None = None) -> Reject:
    evidence = canonical_json({"tokens": one.hinted.trace.completion_tokens, "calls": len(one.hinted.calls)})
    return Reject(one.hinted.trace.trace_id, "trace", STAGE, reason, detail, twin, None, evidence)
