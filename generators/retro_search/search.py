"""Retro-Search (arXiv 2504.04383): at each switch of thought, what if the model had stayed on the thought?

A switch point's rollouts are worth the mean of gamma^(steps after the first) x correct; they replace the tail of the
trace iff that is more than the tail's own value, and then the shortest correct one does (`value`). Steps are those of
the reasoning and of the answer, which is written anew with it. A rollout that is cut off, never ends its reasoning or
was not judged is never accepted. No text is edited.

Tokens of a revised trace: those of its last rollout, as the reviser counts, and those of what was kept; the latter are
exact where the reviser sampled the trace, else the trace's own in proportion to the characters kept.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from catalog.errors import Stopped
from catalog.ids import seed_for, trace_id
from catalog.records import Trace
from generators.retro_search.answers import first_stated
from generators.retro_search.judging import OwedError, judged
from generators.retro_search.reviser import STAGE, Place, Reviser, Spent
from generators.retro_search.revision import PENDING, REVISED, Judge, Revision, SwitchPoint, Version
from generators.retro_search.rollouts import Rollout, answer, closed, sampled_by, stay, tokens_of_prefix
from generators.retro_search.segment import Segmentation, count_steps, segment
from generators.retro_search.value import accept, summed_up, value
from generators.subject import Subject
from generators.teachers.protocol import TransientError
from generators.together import together

ORIGIN = "retro_search"


async def revise(subjects: Sequence[Subject], reviser: Reviser, judge: Judge) -> list[Revision]:
    """Revises traces, many at once; gives a revision each, in order.

    At most as many traces are at work as the teacher takes requests, and each ended one makes room for the next. One
    whose teacher fails for now, whose budget is reached or whose verifier has no workers is pending; AccountError and
    faults of the program end the call. What was answered by then is journalled: the same call goes on from there.
    """
    at_once = reviser.sampler.teacher.concurrency
    return await together(lambda subject: revise_one(subject, reviser, judge), subjects, at_once)


async def revise_one(subject: Subject, reviser: Reviser, judge: Judge) -> Revision:
    """Revises one trace; its requests follow one another, but for the rollouts of one switch point."""
    parent, settings = subject.trace, reviser.settings
    found = segment(parent.thinking, settings.keywords)
    reason = _unfit(subject, found)
    first = 0
    if not reason and settings.mode in ("tail", "close"):
        stated = first_stated(found, [subject.task.reference, subject.verdict.extracted or ""])
        first = 0 if stated is None else found.thought_of(stated)
        if stated is None:
            reason = "answer_not_found"
        elif first == len(found.thoughts) - 1:
            reason = "nothing_after"
    steps = len(found.steps) + count_steps(parent.answer)
    original = Version(0, parent.thinking, parent.answer, steps, parent.completion_tokens, len(parent.thinking), None)
    search = _Search(subject, reviser, judge, reviser.prompt(subject.task), [original])
    cause = ""
    if not reason:
        try:
            for start in range(settings.starts):
                await search.walk(start, found, first)
            reason = REVISED if len(search.versions) > 1 else "nothing_accepted"
        except (TransientError, Stopped, OwedError) as error:
            reason, cause = PENDING, str(error)
    points, versions = tuple(search.points), tuple(search.versions)
    revision = Revision(parent, None, reason, cause, search.ended, points, versions, 0, search.spent)
    if reason != REVISED:
        return revision
    return replace(revision, trace=_trace(subject, revision.pool[0], revision), best=revision.pool[0])


def _unfit(subject: Subject, found: Segmentation) -> str:
    """Gives why a trace is not revised, empty where it can be."""
    if subject.verdict.verdict != "correct":
        return "not_correct"
    if subject.trace.truncated:
        return "truncated"
    if not subject.trace.thinking.strip():
        return "no_thinking"
    return "one_thought" if len(found.thoughts) == 1 else ""


@dataclass(slots=True)
class _Search:
    """The search on one trace; grows with each switch point."""

    subject: Subject
    reviser: Reviser
    judge: Judge
    prompt: str
    versions: list[Version]
    points: list[SwitchPoint] = field(default_factory=list)
    spent: Spent = field(default_factory=Spent)
    ended: str = ""

    async def walk(self, start: int, found: Segmentation, first: int) -> None:
        """Runs one start over the switch points of the original, from thought `first`."""
        settings, current, switch, tries = self.reviser.settings, 0, first, 0
        if settings.mode == "partial":
            seed = seed_for(self.reviser.sampler.seed, STAGE, ["partial", self.subject.trace.trace_id, start])
            switch = random.Random(seed).randrange(len(found.thoughts) - 1)
        while switch < len(found.thoughts) - 1:
            if self.spent.completion_tokens >= settings.budget_tokens:
                self.ended = "budget"
                return
            if tries == settings.max_switches:
                self.ended = "switches"
                return
            accepted = await self._try(start, switch, current, found)
            if settings.mode == "partial" or (accepted and settings.mode == "close"):
                return
            if self.points[-1].outcome == "refused":  # a prompt too long: those that follow are longer
                self.ended = "refused"
                return
            if accepted:
                current = len(self.versions) - 1
                found = segment(self.versions[current].thinking, settings.keywords)
            switch, tries = switch + 1, tries + 1

    async def _try(self, start: int, switch: int, current: int, found: Segmentation) -> bool:
        """Tries a switch point of a version; tells whether it made another one."""
        settings, version = self.reviser.settings, self.versions[current]
        kept, steps = found.text[: found.end(switch)], found.steps_after(switch) + count_steps(version.answer)
        tried = await judged(await self._draw(start, switch, kept), self.subject.task, settings.gamma, self.judge)
        chosen, tried = accept(tried, steps, settings.gamma)
        worth = value(steps, settings.gamma)
        point = SwitchPoint(start, switch, current, len(kept), steps, worth, summed_up(tried), tuple(tried))
        self.points.append(point)
        if chosen is None:
            return False
        self.versions.append(self._version(version, kept, len(found.steps) - found.steps_after(switch), chosen.rollout))
        return True

    async def _draw(self, start: int, switch: int, kept: str) -> list[Rollout]:
        """Gives the rollouts of a switch point; the first failure is raised once all have ended."""
        settings, ends = self.reviser.settings, self.reviser.settings.mode == "close"
        prefix = self.prompt + (closed(kept, self.reviser) if ends else kept)
        place = Place(self.subject.task.task_id, self.subject.trace.trace_id, start, switch, prefix)
        drawn = await asyncio.gather(
            *[(answer if ends else stay)(place, i, self.reviser) for i in range(settings.rollouts)],
            return_exceptions=True,
        )
        rollouts = [one for one in drawn if not isinstance(one, BaseException)]
        self.spent = sum((one.spent for one in rollouts), self.spent)
        failures = [one for one in drawn if isinstance(one, BaseException)]
        if failures:
            raise next((one for one in failures if not isinstance(one, TransientError | Stopped)), failures[0])
        return rollouts

    def _version(self, old: Version, kept: str, kept_steps: int, rollout: Rollout) -> Version:
        exact = sampled_by(self.reviser, self.subject.trace)
        written = len(kept) + (len(self.reviser.settings.lead) if self.reviser.settings.mode == "close" else 0)
        tokens = tokens_of_prefix(rollout, exact, old.tokens, written, len(old.thinking) + len(old.answer))
        return Version(
            start=self.points[-1].start,
            thinking=(kept + rollout.thinking).strip(),
            answer=rollout.answer,
            steps=kept_steps + rollout.steps,
            tokens=tokens + rollout.completion_tokens,
            kept=min(old.kept, len(kept)),
            point=len(self.points) - 1,
        )


def _trace(subject: Subject, number: int, revision: Revision) -> Trace:
    """Gives a version as a trace; what it says of sampling is that of its last rollout."""
    version, parent = revision.versions[number], subject.trace
    assert version.point is not None
    accepted = next(t for t in revision.points[version.point].rollouts if t.outcome == "accepted")
    last = accepted.rollout.completions[-1]
    return Trace(
        trace_id=trace_id(ORIGIN, parent.task_id, parent.trace_id, last.key, version.thinking, version.answer),
        task_id=parent.task_id,
        parent=parent.trace_id,
        origin=ORIGIN,
        sample=parent.sample,
        thinking=version.thinking,
        answer=version.answer,
        finish_reason=last.finish_reason,
        truncated=False,
        prompt_tokens=parent.prompt_tokens,
        completion_tokens=version.tokens,
        mean_logprob=None,
        step_logprobs=None,
        params=last.params,
        seed=last.seed,
        teacher=last.teacher,
        revision=last.revision,
        completion_key=last.key,
        wall_s=sum(one.wall_s for point in revision.points for t in point.rollouts for one in t.rollout.completions),
    )
