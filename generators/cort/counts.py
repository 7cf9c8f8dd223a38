"""What hinting did, counted: the figures of the report and of the dataset card."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from generators.cort.search import Judged, Prompted, Search


@dataclass(frozen=True, slots=True)
class Arm:
    """Some traces that were asked for alike."""

    traces: int
    right: int
    wrong: int
    tokens: int
    """Of all of them."""
    with_code: int
    """Traces in which code ran."""


@dataclass(frozen=True, slots=True)
class Counts:
    """All figures; shares are left to the reader, who sees what they are shares of."""

    parents: int
    """Traces that were searched."""
    parents_right: int
    found: int
    """Positions that the detectors found in them."""
    tried: dict[str, int]
    """Positions tried, by kind of hint and third of the trace: "compute 1", "check 3"."""
    kept: dict[str, int]
    """Those of which a trace was kept, by kind of hint."""
    improved: int
    """Right parents that have a shorter right trace."""
    rescued: int
    """Wrong parents that have a right trace."""
    tokens_before: int
    """Of the parents that were improved."""
    tokens_after: int
    """Of the traces that improve them."""
    stayed_right: int
    """Hinted continuations of right parents that are right."""
    right_to_wrong: int
    """Those that are wrong; none of them is kept."""
    wrong_to_right: int
    """Hinted continuations of wrong parents that are right."""
    hinted: Arm
    """All hinted continuations."""
    without_hint: Arm
    """Controls: the same continuations without the hint."""
    prompted: Arm
    plain_tool_prompt: Arm
    """Controls: the same prompt without forced first words."""
    statuses: dict[str, int]
    """Runs of code in hinted and prompted traces by status."""
    kinds: dict[str, int]
    """Those runs by kind: calculation, verification."""
    owed: int
    """Continuations that could not be had yet."""


def counts(searches: Sequence[Search], prompted: Sequence[Prompted] = ()) -> Counts:
    """Gives the figures of some searches and of some tasks' prompted traces."""
    tried = [(search, one) for search in searches for one in search.tried]
    hinted = [one for _, attempt in tried for one in attempt.traces]
    by_prompt = [one for some in prompted for one in some.traces]
    new_calls = [call for one in (*hinted, *by_prompt) for call in one.hinted.calls]
    better = [search for search in searches if search.best is not None]
    improved = [search for search in better if search.was_correct]
    after = [one for search, attempt in tried if search.was_correct for one in attempt.traces]
    rescues = [one for search, attempt in tried if not search.was_correct for one in attempt.traces]
    return Counts(
        parents=len(searches),
        parents_right=sum(search.was_correct for search in searches),
        found=sum(search.found for search in searches),
        tried=dict(Counter(f"{one.position.kind} {_third(search, one.position.at)}" for search, one in tried)),
        kept=dict(Counter(one.position.kind for _, one in tried if one.kept)),
        improved=len(improved),
        rescued=len(better) - len(improved),
        tokens_before=sum(search.parent.completion_tokens for search in improved),
        tokens_after=sum(search.parent.completion_tokens - search.tokens_saved for search in improved),
        stayed_right=_verdicts(after)["correct"],
        right_to_wrong=_verdicts(after)["wrong"],
        wrong_to_right=_verdicts(rescues)["correct"],
        hinted=_arm(hinted),
        without_hint=_arm(one for _, attempt in tried for one in attempt.controls),
        prompted=_arm(by_prompt),
        plain_tool_prompt=_arm(one for some in prompted for one in some.controls),
        statuses=dict(Counter(call.status for call in new_calls)),
        kinds=dict(Counter(call.kind for call in new_calls)),
        owed=sum(len(search.owed) for search in searches) + sum(len(some.owed) for some in prompted),
    )


def _third(search: Search, at: int) -> int:
    size = max(len(search.parent.thinking or search.parent.answer), 1)
    return min(3, 1 + 3 * at // size)


def _verdicts(traces: Iterable[Judged]) -> Counter[str]:
    return Counter(one.judgement.verdict for one in traces)


def _arm(traces: Iterable[Judged]) -> Arm:
    ones = list(traces)
    return Arm(
        traces=len(ones),
        right=_verdicts(ones)["correct"],
        wrong=_verdicts(ones)["wrong"],
        tokens=sum(one.hinted.trace.completion_tokens for one in ones),
        with_code=sum(bool(one.hinted.calls) for one in ones),
    )
