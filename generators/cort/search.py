"""Hints placed by search: a trace is cut at a detected position, hinted, continued, judged; the better trace stays.

The authors of CoRT placed the hints of 30 traces by hand, since models that were asked to place them were not precise
enough (section 2.2.2). Here detectors propose, best first, and the verifier disposes: a hinted trace is kept only if
its answer is correct and it has fewer tokens than the one that it came from, or if that one was wrong.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from catalog.records import Reject, Task, Trace
from generators.cort.asking import Kit
from generators.cort.calls import ToolCall
from generators.cort.detect import Position, positions
from generators.cort.hints import INSTRUCTION, insert, opened
from generators.cort.loop import Continued, Start, continue_all
from generators.cort.traces import Hinted, hinted
from generators.sampling import rendered
from verifiers.judge import Item
from verifiers.verdict import Judgement

Verify = Callable[[Sequence[Item]], Awaitable[list[Judgement]]]
"""Judges answers, in their order; given from outside, since pools of workers belong to a build."""

CONTROL = 1 << 16
"""Samples from this index on are controls."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A hinted trace and what the verifier says of it."""

    hinted: Hinted
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class Tried:
    """One position that was tried, with the traces continued from it."""

    position: Position
    traces: tuple[Judged, ...]
    controls: tuple[Judged, ...]
    """The same continuations without the hint, where they were asked for."""
    kept: bool


@dataclass(frozen=True, slots=True)
class Search:
    """What came of one trace; `best` is None where no hint made it better."""

    parent: Trace
    was_correct: bool
    best: Judged | None
    tried: tuple[Tried, ...]
    found: int
    """Positions that the detectors found in the parent."""
    rejects: tuple[Reject, ...]
    owed: tuple[str, ...]
    """Why continuations are still owed; the search goes on from the journal once they can be had."""

    @property
    def tokens_saved(self) -> int:
        """Tokens by which the best trace is shorter; 0 where there is none. Negative for a rescue that costs more."""
        return self.parent.completion_tokens - self.best.hinted.trace.completion_tokens if self.best else 0


@dataclass(frozen=True, slots=True)
class Prompted:
    """Traces asked for code from their first word, and the controls: the same prompt without forced first words."""

    traces: tuple[Judged, ...]
    controls: tuple[Judged, ...]
    rejects: tuple[Reject, ...]
    owed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Current:
    """The trace that is to be made better: its text from the prompt on, and what it has cost."""

    text: str
    calls: tuple[ToolCall, ...]
    tokens: int
    correct: bool
    best: Judged | None = None


def prompt_for(task: Task, kit: Kit) -> str:
    """Gives the raw text that a hinted trace of a task is continued from."""
    return rendered(task, kit.sampler, kit.settings.prompts, INSTRUCTION)


async def prompt(task: Task, kit: Kit, verify: Verify) -> Prompted:
    """Gives `settings.n` traces of a task that are asked for code and forced to begin with it (prompt-hint)."""
    text, hint = opened()
    raw = prompt_for(task, kit)
    starts = [Start(task, raw, text, hints=(hint,), tokens=len(text) // 4, sample=i) for i in range(kit.settings.n)]
    if kit.settings.controls:
        starts += [Start(task, raw, sample=CONTROL + i) for i in range(kit.settings.n)]
    judged, rejects, owed = await _continue(starts, None, kit, verify)
    traces = tuple(one for one in judged if one.hinted.trace.sample < CONTROL)
    return Prompted(traces, tuple(one for one in judged if one not in traces), rejects, owed)


async def search(task: Task, parent: Trace, correct: bool, kit: Kit, verify: Verify) -> Search:
    """Gives the best trace that hints make of `parent` (hint-engineering); `correct`: whether its answer is.

    At most `settings.positions` positions are tried, best first, `settings.n` continuations each; a trace that is kept
    is looked through again, so that it can get a second hint behind the first. The search does not depend on time or
    chance beyond the teacher's: repeated on the same journal it asks nothing anew.
    """
    current = _Current(_text(parent, kit), (), parent.completion_tokens, correct)
    # In a thread: a long trace takes a tenth of a second, in which the loop serves others.
    places = await asyncio.to_thread(_positions, current, kit)
    found = len(places)
    tried: list[Tried] = []
    rejects: list[Reject] = []
    owed: list[str] = []
    seen: set[str] = set()
    while len(tried) < kit.settings.positions and not owed:
        position = next((place for place in places if current.text[: place.at] not in seen), None)
        if position is None:
            break
        seen.add(current.text[: position.at])
        starts = _starts(task, current, position, kit)
        judged, refused, late = await _continue(starts, parent.trace_id, kit, verify)
        rejects += refused
        owed += late
        hints = tuple(one for one in judged if one.hinted.trace.sample < CONTROL)
        better = [one for one in hints if _better(one, current)]
        controls = tuple(one for one in judged if one not in hints)
        tried.append(Tried(position, hints, controls, bool(better)))
        if better:
            best = min(better, key=lambda one: one.hinted.trace.completion_tokens)
            current = _Current(
                _text(best.hinted.trace, kit), best.hinted.calls, best.hinted.trace.completion_tokens, True, best
            )
            places = await asyncio.to_thread(_positions, current, kit)
    return Search(parent, correct, current.best, tuple(tried), found, tuple(rejects), tuple(owed))


def _positions(current: _Current, kit: Kit) -> list[Position]:
    end = current.text.find(kit.thinking[1]) if kit.thinking else -1
    thinking = current.text if end == -1 else current.text[:end]
    return positions(thinking, [(call.start, call.end) for call in current.calls])


def _starts(task: Task, current: _Current, position: Position, kit: Kit) -> list[Start]:
    """The hinted continuations of one position, and their controls."""
    kept = current.text[: position.at]
    text, hint = insert(kept, position.kind)
    calls = tuple(call for call in current.calls if call.end <= position.at)
    hints = (*(current.best.hinted.hints if current.best else ()), hint)
    hints = tuple(one for one in hints if one.end <= position.at or one is hint)
    # No teacher has counted this prefix by itself: its share of the whole, which one has counted.
    a_character = current.tokens / max(len(current.text), 1)
    raw = prompt_for(task, kit)
    plain = Start(task, raw, kept, calls, hints[:-1], round(a_character * len(kept)))
    start = replace(plain, text=text, hints=hints, tokens=round(a_character * len(text)))
    starts = [replace(start, sample=i) for i in range(kit.settings.n)]
    if kit.settings.controls:
        starts += [replace(plain, sample=CONTROL + i) for i in range(kit.settings.n)]
    return starts


def _better(one: Judged, current: _Current) -> bool:
    if one.judgement.verdict != "correct" or one.hinted.trace.truncated:
        return False
    return not current.correct or one.hinted.trace.completion_tokens < current.tokens


def _text(trace: Trace, kit: Kit) -> str:
    """The trace as the teacher wrote it behind the prompt, up to white space at the seams."""
    if kit.thinking is None:
        return trace.answer
    return f"{trace.thinking}\n{kit.thinking[1]}\n\n{trace.answer}"


async def _continue(
    starts: Sequence[Start], parent: str | None, kit: Kit, verify: Verify
) -> tuple[list[Judged], tuple[Reject, ...], tuple[str, ...]]:
    """The traces of the starts, judged, and what became of the others."""
    outcomes = await continue_all(starts, kit)
    done = [hinted(one, kit.thinking, parent) for one in outcomes if isinstance(one, Continued)]
    by_task = {start.task.task_id: start.task for start in starts}
    items = [_item(by_task[one.trace.task_id], one.trace) for one in done]
    judgements = await verify(items) if items else []
    judged = [Judged(one, judgement) for one, judgement in zip(done, judgements, strict=True)]
    lost = [one.judgement.detail for one in judged if one.judgement.verdict == "infrastructure"]
    owed = [one for one in outcomes if isinstance(one, str)]
    return judged, tuple(one for one in outcomes if isinstance(one, Reject)), tuple(sorted({*owed, *lost}))


def _item(task: Task, trace: Trace) -> Item:
    return Item(task.verifier, trace.answer, task.reference, task.spec)
