"""Traces to revise, and a reviser behind the scripted server over HTTP."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from catalog import ids
from catalog.journal import Journal
from catalog.records import Task, Trace, Verdict
from catalog.store import Store
from generators.meter import Limits, Meter
from generators.retro_search.reviser import Reviser
from generators.retro_search.revision import Judge, Revision
from generators.retro_search.search import revise
from generators.sampling import Sampler
from generators.settings import ReviseSettings, SampleSettings
from generators.subject import Subject
from generators.teachers.protocol import Teacher
from tests.generators.serving import client_of, scripted_server
from verifiers.judge import Item, slow
from verifiers.verdict import Judgement

THINKING = "<think>", "</think>"


async def judge(items: Sequence[Item]) -> list[Judgement]:
    """The real verifiers, in this process."""
    return [slow(item) for item in items]


def sum_task(a: int, b: int) -> Task:
    prompt, reference = f"What is {a} + {b}?", str(a + b)
    task_id = ids.task_id("math", prompt, reference, "math", "{}")
    return Task(task_id, "math", prompt, reference, "math", "{}", None, None, None, "test", "CC0-1.0")


def subject(task: Task, thinking: str, answer: str, verdict: str = "correct", truncated: bool = False) -> Subject:
    trace_id = ids.trace_id("sampled", task.task_id, None, "c0", thinking, answer)
    trace = Trace(
        trace_id=trace_id,
        task_id=task.task_id,
        parent=None,
        origin="sampled",
        sample=0,
        thinking=thinking,
        answer=answer,
        finish_reason="length" if truncated else "stop",
        truncated=truncated,
        prompt_tokens=10,
        completion_tokens=len((thinking + answer).split()),
        mean_logprob=None,
        step_logprobs=None,
        params="{}",
        seed=0,
        teacher="other",
        revision="other@1",
        completion_key="c0",
        wall_s=1.0,
    )
    return Subject(task, trace, Verdict(trace_id, task.task_id, verdict, None, "", 0.0, "math", 1))


def long_trace(a: int, b: int, thoughts: int = 8) -> Subject:
    """A correct trace that goes on checking, two steps a thought; its answer first stands in the third thought."""
    total = a + b
    parts = [f"We want {a} plus {b}.\n\nCount up from the larger."]
    parts += [f"Wait, is way {i} any good?\n\nIt might be." for i in range(1, thoughts)]
    parts[min(2, thoughts - 1)] = f"Alternatively, count down.\n\nSo the sum is {total}."
    return subject(sum_task(a, b), "\n\n".join(parts), f"The answer is \\boxed{{{total}}}.")


@asynccontextmanager
async def opened(
    teacher: str | Teacher,
    root: Path,
    *,
    limits: Limits | None = None,
    stop: tuple[str, ...] = (),
    client: dict[str, Any] | None = None,
    **settings: Any,
) -> AsyncIterator[Reviser]:
    """Opens a reviser on a teacher, or on the server of a URL, with a journal in the folder `root`."""
    async with AsyncExitStack() as stack:
        if isinstance(teacher, str):
            teacher = await stack.enter_async_context(client_of(teacher, **(client or {})))
        journal = Journal.open(Store.open(root))
        stack.callback(journal.close)
        sampler = Sampler(
            teacher=teacher,
            settings=SampleSettings(teacher="t", stop=stop),
            format="chatml",
            thinking=THINKING,
            journal=journal,
            seed=1,
            meter=Meter(limits or Limits()),
            slots=asyncio.Semaphore(teacher.concurrency),
            progress=lambda samples, tokens: None,
        )
        yield Reviser(sampler, ReviseSettings(teacher="t", **settings))


def run(
    teacher: str | Teacher, root: Path, subjects: Sequence[Subject], judge: Judge = judge, **options: Any
) -> list[Revision]:
    """Gives the revisions of some traces."""

    async def main() -> list[Revision]:
        async with opened(teacher, root, **options) as reviser:
            return await revise(subjects, reviser, judge)

    return asyncio.run(main())


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    """A server that goes on reasoning."""
    with scripted_server("--mode", "reason") as url:
        yield url


@pytest.fixture(scope="session")
def subjects() -> list[Subject]:
    """Correct traces of eight thoughts."""
    return [long_trace(a, 100 + a) for a in range(30)]
