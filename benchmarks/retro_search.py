"""Retro-Search on a real vLLM server: what its prefix cache saves, and what many traces in flight gain.

    REASONMILL_VLLM_PYTHON=.venv-vllm/bin/python python benchmarks/retro_search.py   # stores results/retro_search.json

Real traces (shared/data beside the checkout) of a length at which prefixes cost something, in a fixed shuffle. Two
servers: one with its prefix cache on and one with it off. On the first,

- `cached`: some traces at once; on the other server the same traces are `uncached`;
- `naive`: other traces, one after the other, each request after the answer to the one before;
- `in_flight`: again other traces, all at once.

`full` draws a rollout at each of the first SWITCHES switches of a trace. The small model seldom ends its reasoning
there, so rollouts a minute are compared; accepted revisions a minute are compared in `close`, on the traces of `naive`
and `in_flight`, whose prefixes the server has read by then. A busy machine slows all arms: only ratios count.
"""

import argparse
import asyncio
import contextlib
import json
import os
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pyarrow.parquet as pq
from harness import machine

from catalog import ids
from catalog.journal import Journal
from catalog.records import Task, Trace, Verdict
from catalog.store import Store
from generators.meter import Limits, Meter
from generators.retro_search.reviser import Reviser
from generators.retro_search.revision import Revision, Subject
from generators.retro_search.search import revise, revise_one
from generators.sampling import Sampler, split_thinking
from generators.settings import ReviseSettings, SampleSettings
from generators.teachers import open_teacher
from generators.teachers.protocol import Teacher
from generators.teachers.settings import VllmSettings
from verifiers.judge import Item, slow
from verifiers.verdict import Judgement

RESULTS = Path(__file__).resolve().parent / "results" / "retro_search.json"
DATA = RESULTS.parents[3] / "shared" / "data" / "reasoning_traces.parquet"
DELIMITERS = "<think>", "</think>"
LENGTHS = 5_000, 9_000
"""Characters of the traces taken: some 1,500 to 3,000 tokens."""
CACHED, NAIVE, IN_FLIGHT = 12, 3, 32
"""Traces of the arms."""
SWITCHES = 6
MAX_TOKENS = 16
"""Of a rollout: reading the prefixes is what is measured, and real rollouts are far longer than this machine allows."""
PROMPT = "{prompt}\n\nPlease reason step by step, and put your final answer within \\boxed{}."
LEAD = "The final answer is \\boxed{"
SERVER_ON, SERVER_OFF = (
    VllmSettings(
        kind="vllm",
        model="smollm2-135m-instruct",
        max_model_len=4096,
        prefix_caching=on,
        concurrency=32,
        # bfloat16 is emulated by processors without AVX-512. With a prompt read in pieces, the CPU build dies of a
        # request with a seed ("CPU Generator does not use offset").
        args=(
            "--enforce-eager",
            "--dtype",
            "float32",
            "--no-enable-chunked-prefill",
            "--max-num-batched-tokens",
            "4096",
        ),
    )
    for on in (True, False)
)
Figures = dict[str, Any]


def subjects(count: int) -> list[Subject]:
    """Gives correct traces of the lengths, in a fixed shuffle."""
    rows = [row for row in pq.read_table(DATA).to_pylist() if LENGTHS[0] <= len(row["response"]) < LENGTHS[1]]
    Random(4).shuffle(rows)
    found = []
    for row in rows:
        thinking, answer, closed = split_thinking(row["response"], DELIMITERS)
        if closed and slow(Item("math", answer, row["gold"], "{}")).verdict == "correct" and len(found) < count:
            found.append(_subject(row, thinking, answer))
    return found


def _subject(row: Figures, thinking: str, answer: str) -> Subject:
    task = Task(row["id"], "math", row["problem"], row["gold"], "math", "{}", None, None, None, row["benchmark"], "")
    trace = Trace(
        trace_id=ids.trace_id("sampled", task.task_id, None, row["id"], thinking, answer),
        task_id=task.task_id,
        parent=None,
        origin="sampled",
        sample=0,
        thinking=thinking,
        answer=answer,
        finish_reason="stop",
        truncated=False,
        prompt_tokens=0,
        completion_tokens=(len(thinking) + len(answer)) // 3,
        mean_logprob=None,
        step_logprobs=None,
        params="{}",
        seed=0,
        teacher=row["model"],
        revision=row["model"],
        completion_key=row["id"],
        wall_s=0.0,
    )
    return Subject(task, trace, Verdict(trace.trace_id, task.task_id, "correct", None, "", 0.0, "math", 1))


async def judge(items: Sequence[Item]) -> list[Judgement]:
    """Judges in this process."""
    return [slow(item) for item in items]


@contextlib.asynccontextmanager
async def opened(teacher: Teacher, mode: str) -> AsyncIterator[Reviser]:
    """Opens a reviser on a teacher, with an empty journal."""
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal.open(Store.open(folder))
        sampler = Sampler(
            teacher=teacher,
            settings=SampleSettings(teacher="t", prompts={"math": PROMPT}),
            format="chatml",
            thinking=DELIMITERS,
            journal=journal,
            seed=1,
            meter=Meter(Limits()),
            slots=asyncio.Semaphore(teacher.concurrency),
            progress=lambda samples, tokens: None,
        )
        settings = ReviseSettings(teacher="t", mode=mode, max_tokens=MAX_TOKENS, max_switches=SWITCHES, redraws=1)
        yield Reviser(sampler, settings if mode == "full" else _begun(settings))
        journal.close()


def _begun(settings: ReviseSettings) -> ReviseSettings:
    """Gives the settings with the answer begun for the reviser and two starts."""
    return settings.model_copy(update={"lead": LEAD, "starts": 2})


async def run(given: Sequence[Subject], teacher: Teacher, mode: str, at_once: bool) -> Figures:
    """Revises the traces and gives what came of it."""
    async with opened(teacher, mode) as reviser:
        started = time.perf_counter()
        if at_once:
            made = await revise(given, reviser, judge)
        else:
            made = [await revise_one(one, reviser, judge) for one in given]
        return figures(made, time.perf_counter() - started)


def figures(made: Sequence[Revision], seconds: float) -> Figures:
    """Gives counts and rates of revisions."""
    rollouts = sum(len(point.rollouts) for one in made for point in one.points)
    accepted = sum(point.outcome == "accepted" for one in made for point in one.points)
    told = sum(one.spent.told_tokens for one in made)
    return {
        "traces": len(made),
        "seconds": round(seconds, 1),
        "rollouts": rollouts,
        "rollouts_per_minute": round(rollouts / seconds * 60, 1),
        "accepted": accepted,
        "accepted_per_minute": round(accepted / seconds * 60, 2),
        "traces_revised": sum(one.trace is not None for one in made),
        "prompt_tokens": sum(one.spent.prompt_tokens for one in made),
        "new_tokens": sum(one.spent.completion_tokens for one in made),
        "cache_hits": round(sum(one.spent.cached_tokens for one in made) / told, 3) if told else None,
    }


async def arms(given: Sequence[Subject]) -> Figures:
    """Runs all arms, one after the other."""
    first, second, third = given[:CACHED], given[CACHED:][:NAIVE], given[CACHED + NAIVE :]
    found: Figures = {}

    async def arm(name: str, some: Sequence[Subject], teacher: Teacher, mode: str, at_once: bool) -> None:
        found[f"{mode}_{name}"] = await run(some, teacher, mode, at_once)
        print(mode, name, json.dumps(found[f"{mode}_{name}"]), flush=True)

    async with open_teacher("on", SERVER_ON, Path()) as teacher:
        await arm("cached", first, teacher, "full", True)
        for mode in ("full", "close"):
            await arm("naive", second, teacher, mode, False)
            await arm("in_flight", third, teacher, mode, True)
    async with open_teacher("off", SERVER_OFF, Path()) as teacher:
        await arm("uncached", first, teacher, "full", True)
    return found


def main() -> None:
    """Runs the arms and stores their figures and ratios."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "6")  # gibibytes: room for all prefixes of the traces in flight
    load = machine.load()
    found = asyncio.run(arms(subjects(CACHED + NAIVE + IN_FLIGHT)))
    result = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": machine.describe(),
        "load_before": load,
        "core_ms": machine.core_ms(),
        "arms": found,
        "ratios": {
            "wall_time_without_prefix_cache_to_with": round(
                found["full_uncached"]["seconds"] / found["full_cached"]["seconds"], 2
            ),
            "rollouts_per_minute_to_naive": _times(found, "full", "rollouts_per_minute"),
            "accepted_per_minute_to_naive": _times(found, "close", "accepted_per_minute"),
        },
    }
    print(json.dumps(result["ratios"]))
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")


def _times(found: Figures, mode: str, name: str) -> float | None:
    naive = found[f"{mode}_naive"][name]
    return round(found[f"{mode}_in_flight"][name] / naive, 2) if naive else None


if __name__ == "__main__":
    main()
