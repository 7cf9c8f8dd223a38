"""Tasks in, traces out: asks a teacher for what the journal does not hold yet, and journals each answer first."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from catalog.ids import canonical_json, completion_key, seed_for, trace_id
from catalog.journal import Journal
from catalog.records import Completion, Reject, Task, Trace
from generators.meter import BudgetReached, Meter
from generators.settings import SampleSettings
from generators.teachers.formats import render
from generators.teachers.protocol import Reply, Request, Teacher, TerminalError, TransientError

STAGE = "sample"


@dataclass(frozen=True, slots=True)
class Sampled:
    """What came of the samples asked of some tasks; one trace, reject or pending place each."""

    traces: list[Trace]
    rejects: list[Reject]
    pending: int
    """Samples still owed: the teacher failed for now, or the budget is reached."""
    causes: list[str]
    """Why they are, a line each, without repeats."""


@dataclass(frozen=True, slots=True)
class Sampler:
    """What sampling needs beyond the tasks; shared by all shards of a build, on one event loop."""

    teacher: Teacher
    settings: SampleSettings
    format: str
    """The teacher's prompt format (see generators.teachers.formats)."""
    thinking: tuple[str, str] | None
    """Delimiters of the reasoning, None for a teacher without."""
    journal: Journal
    seed: int
    """The recipe's."""
    meter: Meter
    slots: asyncio.Semaphore
    """Requests in flight at most, over all shards."""
    progress: Callable[[int, int], None]
    """Told of samples done and of new completion tokens."""


async def sample(tasks: Sequence[Task], sampler: Sampler) -> Sampled:
    """Gives `settings.n` traces a task, in task order, from the journal where it has them.

    All missing samples of one task are one request, so that they share the prompt. Each reply is journalled before
    anything else happens to it. A transient failure leaves its samples pending, a terminal one rejects them;
    AccountError and faults of the program end the call (what was answered by then is journalled).
    """
    settings = sampler.settings
    params = canonical_json(
        {
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            "stop": list(settings.stop),
            "logprobs": settings.logprobs,
        }
    )
    prompts = [rendered(task, sampler, settings.prompts) for task in tasks]
    keys = [
        [
            completion_key(task.task_id, STAGE, i, sampler.teacher.revision, prompt, params, sampler.seed)
            for i in range(settings.n)
        ]
        for task, prompt in zip(tasks, prompts, strict=True)
    ]
    found = sampler.journal.lookup([key for row in keys for key in row], settings.max_tokens)
    if found:
        sampler.progress(len(found), 0)
    owed = []
    for task, prompt, row in zip(tasks, prompts, keys, strict=True):
        missing = [i for i, key in enumerate(row) if key not in found]
        if missing:
            owed.append((task, prompt, row, missing))
    failures: dict[str, str | Reject] = {}
    for answered in await _ask_all(owed, params, sampler):
        for key, outcome in answered.items():
            if isinstance(outcome, Completion):
                found[key] = outcome
            else:
                failures[key] = outcome
    traces = [
        _trace(task, i, found[key], sampler)
        for task, row in zip(tasks, keys, strict=True)
        for i, key in enumerate(row)
        if key in found
    ]
    causes = [outcome for outcome in failures.values() if isinstance(outcome, str)]
    rejects = [outcome for outcome in failures.values() if isinstance(outcome, Reject)]
    return Sampled(traces, rejects, len(causes), sorted(set(causes)))


def split_thinking(text: str, thinking: tuple[str, str] | None) -> tuple[str, str, bool]:
    """Gives a completion's thinking, its answer and whether the thinking was closed.

    The opening delimiter usually stands in the prompt, so it is optional at the start of the text. Without a closing
    one all is thinking and there is no answer.
    """
    if thinking is None:
        return "", text.strip(), True
    opening, closing = thinking
    body = text.lstrip()
    if body.startswith(opening):
        text = body[len(opening) :]
    inside, found, after = text.partition(closing)
    return inside.strip(), after.strip(), bool(found)


def rendered(task: Task, sampler: Sampler, prompts: Mapping[str, str], default: str = "{prompt}") -> str:
    """Gives the raw text that a task's teacher continues: the template of its domain, or `default`, in its format."""
    template = prompts.get(task.domain, default)
    return render(sampler.format, template.replace("{prompt}", task.prompt), sampler.thinking)


_Owed = tuple[Task, str, Sequence[str], Sequence[int]]
"""A task, its prompt, the keys of all its samples, and which of them are missing."""


async def _ask_all(owed: Sequence[_Owed], params: str, sampler: Sampler) -> list[dict[str, Completion | Reject | str]]:
    """Asks for all that is owed, each as soon as it has a slot; the first failure cancels the rest and waits for it.

    As many workers as there are slots share the requests, and one keeps its slot from request to request: a task and a
    turn at the semaphore for each would cost a build of many short answers a tenth of its rate.
    """
    answers: dict[int, dict[str, Completion | Reject | str]] = {}
    left = iter(enumerate(owed))

    async def work() -> None:
        async with sampler.slots:
            for number, (task, prompt, keys, missing) in left:
                answers[number] = await _ask(task, prompt, keys, missing, params, sampler)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(len(owed), sampler.teacher.concurrency)):
                group.create_task(work())
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [answers[number] for number in range(len(owed))]


async def _ask(
    task: Task, prompt: str, keys: Sequence[str], missing: Sequence[int], params: str, sampler: Sampler
) -> dict[str, Completion | Reject | str]:
    """One request for the missing samples of a task: per key its completion, its reject, or why it is pending."""
    settings = sampler.settings
    request = Request(
        prompt=prompt,
        n=len(missing),
        max_tokens=settings.max_tokens,
        temperature=settings.temperature,
        top_p=settings.top_p,
        stop=settings.stop,
        seed=seed_for(sampler.seed, STAGE, [task.task_id, missing[0]]),
        logprobs=settings.logprobs,
    )
    try:
        sampler.meter.check()
        started = time.monotonic()
        reply = await sampler.teacher.complete(request)
    except (TransientError, BudgetReached) as error:
        return {keys[i]: str(error) for i in missing}
    except TerminalError as error:
        sampler.progress(len(missing), 0)
        return {keys[i]: _refused(task, i, str(error), sampler) for i in missing}
    wall = time.monotonic() - started
    completions = _completions(task, keys, missing, request, reply, params, wall, sampler)
    sampler.journal.append(completions)
    new_tokens = sum(choice.completion_tokens for choice in reply.choices)
    sampler.meter.add(reply.prompt_tokens, new_tokens)
    sampler.progress(len(missing), new_tokens)
    return {completion.key: completion for completion in completions}


def _completions(
    task: Task,
    keys: Sequence[str],
    missing: Sequence[int],
    request: Request,
    reply: Reply,
    params: str,
    wall: float,
    sampler: Sampler,
) -> list[Completion]:
    now = time.time()
    return [
        Completion(
            key=keys[i],
            task_id=task.task_id,
            stage=STAGE,
            sample=i,
            teacher=sampler.teacher.name,
            revision=sampler.teacher.revision,
            params=params,
            seed=request.seed,
            max_tokens=request.max_tokens,
            text=choice.text,
            finish_reason=choice.finish_reason,
            prompt_tokens=reply.prompt_tokens,
            completion_tokens=choice.completion_tokens,
            mean_logprob=choice.mean_logprob,
            step_logprobs=choice.step_logprobs,
            wall_s=wall,
            created=now,
        )
        for i, choice in zip(missing, reply.choices, strict=True)
    ]


def _refused(task: Task, index: int, why: str, sampler: Sampler) -> Reject:
    return Reject(
        row_id=f"{task.task_id}#{index}",
        row_kind="sample",
        stage=STAGE,
        reason="refused_by_teacher",
        detail=why[:500],
        twin=None,
        score=None,
        evidence=canonical_json({"teacher": sampler.teacher.name, "revision": sampler.teacher.revision}),
    )


def _trace(task: Task, index: int, completion: Completion, sampler: Sampler) -> Trace:
    thinking, answer, closed = split_thinking(completion.text, sampler.thinking)
    return Trace(
        trace_id=trace_id("sampled", task.task_id, None, completion.key, thinking, answer),
        task_id=task.task_id,
        parent=None,
        origin="sampled",
        sample=index,
        thinking=thinking,
        answer=answer,
        finish_reason=completion.finish_reason,
        truncated=completion.finish_reason == "length" or not closed,
        prompt_tokens=completion.prompt_tokens,
        completion_tokens=completion.completion_tokens,
        mean_logprob=completion.mean_logprob,
        step_logprobs=completion.step_logprobs,
        params=completion.params,
        seed=completion.seed,
        teacher=completion.teacher,
        revision=completion.revision,
        completion_key=completion.key,
        wall_s=completion.wall_s,
    )
