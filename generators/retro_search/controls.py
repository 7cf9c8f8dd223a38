"""What Retro-Search must beat: cheaper ways to shorter correct traces, at the same cost in tokens.

`shortest_of_n` draws whole traces and keeps the shortest correct one. `random_truncation` ends the reasoning between
two random steps and has the answer written. `drop_branch_heavy` asks nobody: it leaves out the traces with the most
thoughts.
"""

import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from catalog.errors import Stopped
from catalog.ids import seed_for
from catalog.records import Trace
from generators.retro_search.judging import OwedError, judged
from generators.retro_search.reviser import STAGE, Place, Reviser, Spent, ask
from generators.retro_search.revision import Judge
from generators.retro_search.rollouts import Rollout, answer, closed, read, refused, sampled_by, tokens_of_prefix
from generators.retro_search.segment import Segmentation, count_steps, segment
from generators.subject import Subject
from generators.teachers.protocol import TerminalError, TransientError
from generators.together import together


@dataclass(frozen=True, slots=True)
class Control:
    """What a control made of one trace within its budget."""

    parent: Trace
    thinking: str
    """Of the shortest correct trace that it found, with `answer`; both are the parent's where it found none."""
    answer: str
    shortened: bool
    """Whether it found one of fewer steps than the parent's."""
    steps: int
    tokens: int
    """Of thinking and answer, counted as for a revision."""
    outcomes: Mapping[str, int]
    """How many draws ended how: a verdict or a rollout's problem."""
    spent: Spent
    cause: str
    """Why it is pending, in a sentence; empty where it is not."""


T = TypeVar("T")

Draw = Callable[[Subject, Segmentation, int, Reviser], Awaitable[tuple[Rollout, str]]]
"""Gives the draw of a number, and the reasoning of the trace that it continues."""


async def shortest_of_n(
    subjects: Sequence[Subject], budgets: Sequence[int], reviser: Reviser, judge: Judge
) -> list[Control]:
    """Draws whole traces for each subject until its budget, in new tokens, is spent; the last draw may exceed it."""
    return await _run(_fresh, subjects, budgets, reviser, judge)


async def random_truncation(
    subjects: Sequence[Subject], budgets: Sequence[int], reviser: Reviser, judge: Judge
) -> list[Control]:
    """Ends each trace's reasoning at random places, until its budget in new tokens is spent, and has it answered."""
    return await _run(_truncated, subjects, budgets, reviser, judge)


def drop_branch_heavy(
    traces: Sequence[T], thoughts: Callable[[T], int], tokens: Callable[[T], int], mean_tokens: float
) -> list[T]:
    """Gives the traces that are left when those with the most thoughts go until the mean is at most `mean_tokens`."""
    kept = sorted(traces, key=thoughts)
    total = sum(map(tokens, kept))
    while kept and total > mean_tokens * len(kept):
        total -= tokens(kept.pop())
    return kept


async def _run(
    draw: Draw, subjects: Sequence[Subject], budgets: Sequence[int], reviser: Reviser, judge: Judge
) -> list[Control]:
    async def one(given: tuple[Subject, int]) -> Control:
        return await _shorten(draw, *given, reviser, judge)

    at_once = reviser.sampler.teacher.concurrency
    return await together(one, list(zip(subjects, budgets, strict=True)), at_once)


async def _shorten(draw: Draw, subject: Subject, budget: int, reviser: Reviser, judge: Judge) -> Control:
    parent, settings = subject.trace, reviser.settings
    found = segment(parent.thinking, settings.keywords)
    best = (len(found.steps) + count_steps(parent.answer), parent.completion_tokens, parent.thinking, parent.answer)
    original, spent, outcomes, cause = best, Spent(), Counter[str](), ""
    try:
        for number in range(settings.max_switches * settings.rollouts):
            if spent.completion_tokens >= budget:
                break
            rollout, kept = await draw(subject, found, number, reviser)
            spent += rollout.spent
            (tried,) = await judged([rollout], subject.task, settings.gamma, judge)
            outcomes[tried.outcome] += 1
            if tried.outcome == "correct":
                steps = count_steps(kept) + rollout.steps
                made = (steps, _tokens(kept, rollout, subject, reviser), (kept + rollout.thinking).strip())
                best = min(best, (*made, rollout.answer))
    except (TransientError, Stopped, OwedError) as error:
        cause = str(error)
    shortened = best[0] < original[0]
    steps, tokens, thinking, text = best if shortened else original
    return Control(parent, thinking, text, shortened, steps, tokens, outcomes, spent, cause)


async def _fresh(subject: Subject, found: Segmentation, number: int, reviser: Reviser) -> tuple[Rollout, str]:
    prompt, stop = reviser.prompt(subject.task), reviser.sampler.settings.stop
    place = Place(subject.task.task_id, subject.trace.trace_id, 0, 0, prompt)
    try:
        whole, spent = await ask(place, prompt, number, ("fresh", 0), stop, (), 0, reviser)
    except TerminalError as error:
        return refused(number, error), ""
    return read(number, whole.text, [whole], spent, reviser.closing), ""


async def _truncated(subject: Subject, found: Segmentation, number: int, reviser: Reviser) -> tuple[Rollout, str]:
    trace_id = subject.trace.trace_id
    place_of = random.Random(seed_for(reviser.sampler.seed, STAGE, ["truncated", trace_id, number]))
    step = place_of.randrange(len(found.steps))
    kept = found.text[: found.steps[step]]
    prefix = reviser.prompt(subject.task) + closed(kept, reviser)
    place = Place(subject.task.task_id, trace_id, 0, step, prefix)
    return await answer(place, number, reviser), kept


def _tokens(kept: str, rollout: Rollout, subject: Subject, reviser: Reviser) -> int:
    trace = subject.trace
    characters = len(trace.thinking) + len(trace.answer)
    written = len(kept) + len(reviser.settings.lead) if kept else 0
    before = tokens_of_prefix(rollout, sampled_by(reviser, trace), trace.completion_tokens, written, characters)
    return before + rollout.completion_tokens
