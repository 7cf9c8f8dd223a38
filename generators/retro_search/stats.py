"""How traces are built: thoughts, steps, and where the right answer first stands; of one trace and of many."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, quantiles

from catalog.records import Trace
from generators.retro_search.answers import first_stated
from generators.retro_search.segment import segment


@dataclass(frozen=True, slots=True)
class Shape:
    """Of one trace."""

    trace_id: str
    tokens: int
    """Of thinking and answer."""
    thoughts: int
    steps: int
    """Of the thinking."""
    answer_at: float | None
    """Share of the thinking, in characters, in front of the end of the step that first concludes the right answer."""
    tokens_after: int | None
    """Tokens of the thinking behind that step: the trace's own, in proportion to the characters."""
    thoughts_after: int | None
    """Thoughts that begin behind it."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Of many numbers; all 0 where there are none."""

    count: int
    mean: float
    median: float
    deciles: tuple[float, ...]
    """The 10th to the 90th percentile, nine values; interpolated."""


@dataclass(frozen=True, slots=True)
class Shapes:
    """Of many traces."""

    traces: int
    thoughts: Spread
    steps: Spread
    tokens: Spread
    found: int
    """Traces whose right answer stands somewhere in the thinking."""
    answer_at: Spread
    before: tuple[float, float, float]
    """Shares of those whose answer stands before 50, 75 and 90 per cent of the thinking."""
    tokens_after: Spread
    share_after: float
    """Tokens behind the answer, of all tokens of those traces."""


def shape(trace: Trace, targets: Sequence[str], keywords: Sequence[str]) -> Shape:
    """Gives the statistics of one trace; `targets` are the right answer's ways of being written."""
    found = segment(trace.thinking, keywords)
    stated = first_stated(found, targets)
    at = after = thoughts = None
    if stated is not None:
        end = found.steps[stated] + len(found.step(stated))
        at = end / max(1, len(trace.thinking))
        after = round(trace.completion_tokens * (len(found.text) - end) / max(1, len(found.text) + len(trace.answer)))
        thoughts = len(found.thoughts) - 1 - found.thought_of(stated)
    return Shape(trace.trace_id, trace.completion_tokens, len(found.thoughts), len(found.steps), at, after, thoughts)


def shapes(of: Sequence[Shape]) -> Shapes:
    """Gives the statistics of many traces."""
    found = [one for one in of if one.answer_at is not None]
    at = [one.answer_at or 0.0 for one in found]
    after = [one.tokens_after or 0 for one in found]
    tokens = sum(one.tokens for one in found)
    return Shapes(
        traces=len(of),
        thoughts=spread([one.thoughts for one in of]),
        steps=spread([one.steps for one in of]),
        tokens=spread([one.tokens for one in of]),
        found=len(found),
        answer_at=spread(at),
        before=(_below(at, 0.5), _below(at, 0.75), _below(at, 0.9)),
        tokens_after=spread(after),
        share_after=round(sum(after) / tokens, 4) if tokens else 0.0,
    )


def spread(values: Sequence[float]) -> Spread:
    """Gives mean, median and deciles."""
    if not values:
        return Spread(0, 0.0, 0.0, (0.0,) * 9)
    tenths = quantiles(values, n=10, method="inclusive") if len(values) > 1 else [values[0]] * 9
    return Spread(len(values), round(fmean(values), 4), round(tenths[4], 4), tuple(round(x, 4) for x in tenths))


def _below(values: Sequence[float], limit: float) -> float:
    return round(sum(value < limit for value in values) / len(values), 4) if values else 0.0
