"""Runs the loop against a real scripted server and a real sandbox."""

import asyncio
import functools
import os
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import orjson
import psutil

from catalog.ids import task_id
from catalog.journal import Journal
from catalog.records import Task
from catalog.store import Store
from generators.cort.asking import Kit
from generators.cort.interpreter import Interpreter
from generators.cort.loop import Continued, Outcome, Start, continue_all
from generators.meter import Limits, Meter
from generators.sampling import Sampler
from generators.settings import HintSettings, SampleSettings
from tests.generators.serving import client_of
from verifiers.sandbox import Sandbox

T = TypeVar("T")
THINKING = ("<think>", "</think>")
BOXED = "</think>\n\nThe answer is \\boxed{%s}."


def task(prompt: str = "What is 6 * 7?", reference: str = "42") -> Task:
    identity = task_id("math", prompt, reference, "math", "{}")
    return Task(identity, "math", prompt, reference, "math", "{}", None, None, None, "test", "CC0-1.0")


def answers(folder: Path, *lines: tuple[str, str]) -> list[str]:
    """Writes an answer file and gives the server's arguments for it; later lines are asked first."""
    path = folder / "answers.jsonl"
    path.write_bytes(b"".join(orjson.dumps({"match": m, "text": t}) + b"\n" for m, t in reversed(lines)))
    return ["--answers", str(path)]


@functools.cache
def _box() -> tuple[Sandbox, ThreadPoolExecutor]:
    """One sandbox for all tests: importing sympy anew for each would take most of their time."""
    return Sandbox(at_once=4), ThreadPoolExecutor(4, "cells")


def sandbox_processes() -> int:
    """All processes under the tests' own."""
    return len(psutil.Process().children(recursive=True))


@asynccontextmanager
async def open_kit(url: str, store: Path, *, thinking: Any = THINKING, **changes: Any) -> AsyncIterator[Kit]:
    settings = HintSettings(**{"teacher": "t", "max_tokens": 4000, "cell_s": 3.0, **changes})
    journal = Journal.open(Store.open(store))
    try:
        async with client_of(url, concurrency=64) as teacher:
            sampler = Sampler(
                teacher=teacher,
                settings=SampleSettings(teacher="t"),
                format="plain",
                thinking=thinking,
                journal=journal,
                seed=7,
                meter=Meter(Limits()),
                slots=asyncio.Semaphore(int(os.environ.get("REASONMILL_TEST_SLOTS", "64"))),
                progress=lambda samples, tokens: None,
            )
            yield Kit(sampler, settings, Interpreter(*_box()))
    finally:
        journal.close()


def with_kit(url: str, store: Path, work: Callable[[Kit], Any], **changes: Any) -> Any:
    """Gives what the coroutine `work(kit)` gives."""

    async def main() -> Any:
        async with open_kit(url, store, **changes) as kit:
            return await work(kit)

    return asyncio.run(main())


def outcomes(url: str, store: Path, starts: Sequence[Start], **changes: Any) -> list[Outcome]:
    return with_kit(url, store, lambda kit: continue_all(starts, kit), **changes)


def start(text: str = "", prompt: str = "What is 6 * 7?", **changes: Any) -> Start:
    return Start(task(prompt), f"{prompt}\n<think>\n", text, **changes)


def one(url: str, store: Path, **changes: Any) -> Continued:
    done = outcomes(url, store, [start()], **changes)[0]
    assert isinstance(done, Continued), done
    return done
