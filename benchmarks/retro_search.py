"""Retro-Search on a real vLLM server: what its prefix cache saves, and what many traces in flight gain.

    REASONMILL_VLLM_PYTHON=.venv-vllm/bin/python python benchmarks/retro_search.py         # 25 minutes
    REASONMILL_VLLM_PYTHON=.venv-vllm/bin/python python benchmarks/retro_search.py ARM ... # some arms only

Real traces (shared/data beside the checkout), correct ones, in a fixed shuffle; SmolLM2-135M revises. The server is
started once with its prefix cache on and once with it off, and computes on one core, the other being left to the rest:
two computing threads wait for each other as soon as something else runs. Arms of one server have prompts
that begin differently, so that none finds what another has left in the cache.

- `full_N_cached`, `full_N_uncached`: the same long traces, all at once, a rollout of at most N tokens at each of the
  first switches. This model never ends its reasoning, so that no rollout is accepted: the work is what counts.
- `close_in_flight`: shorter traces, 32 at once, the answer begun for the reviser.
- `close_naive_cached`, `close_naive_uncached`: the first of them, one trace after the other, each request after the
  answer to the one before. Each request holds the whole prefix; a server without a cache reads it anew.

Each arm's figures are stored at once in results/retro_search.json; the next call runs the arms that are missing, and
all of them once none is.
"""

import argparse
import asyncio
import contextlib
import json
import os
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pyarrow.parquet as pq
from harness import machine

from catalog import ids
from catalog.journal import Journal
from catalog.records import Task, Verdict
from catalog.store import Store
from flows.file_traces import trace_of
from generators.meter import Limits, Meter
from generators.retro_search.answers import first_stated
from generators.retro_search.reviser import Reviser
from generators.retro_search.revision import Revision
from generators.retro_search.search import revise, revise_one
from generators.retro_search.segment import segment
from generators.sampling import Sampler, split_thinking
from generators.settings import TRANSITIONS, ReviseSettings, SampleSettings
from generators.subject import Subject
from generators.teachers import open_teacher
from generators.teachers.protocol import Teacher
from generators.teachers.settings import VllmSettings
from verifiers.judge import Item, slow
from verifiers.verdict import Judgement

RESULTS = Path(__file__).resolve().parent / "results" / "retro_search.json"
DATA = RESULTS.parents[3] / "shared" / "data" / "reasoning_traces.parquet"
DELIMITERS = "<think>", "</think>"
PROMPT = "Set {set}.\n\n{{prompt}}\n\nPlease reason step by step, and put your final answer within \\boxed{{}}."

FULL = {"mode": "full", "max_switches": 6, "redraws": 1}
CLOSE = {"mode": "close", "max_tokens": 64, "starts": 8, "lead": "The final answer is \\boxed{"}
LONG, SHORT = (5_000, 9_000), (1_200, 3_600)
"""Characters of the traces of `full` (2,000 to 4,000 tokens) and of `close` (400 to 1,200)."""
LONG_TRACES, IN_FLIGHT_TRACES, NAIVE_TRACES, AT_ONCE = 5, 48, 8, 32
Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to revise some traces."""

    cache: bool
    settings: Figures
    set: str
    """What its prompts begin with."""
    traces: int
    at_once: bool = True


ARMS = {
    "full_16_cached": Arm(True, FULL | {"max_tokens": 16}, "A", LONG_TRACES),
    "full_64_cached": Arm(True, FULL | {"max_tokens": 64}, "B", LONG_TRACES),
    "close_in_flight": Arm(True, CLOSE, "C", IN_FLIGHT_TRACES),
    "close_naive_cached": Arm(True, CLOSE, "D", NAIVE_TRACES, at_once=False),
    "full_16_uncached": Arm(False, FULL | {"max_tokens": 16}, "A", LONG_TRACES),
    "full_64_uncached": Arm(False, FULL | {"max_tokens": 64}, "B", LONG_TRACES),
    "close_naive_uncached": Arm(False, CLOSE, "D", NAIVE_TRACES, at_once=False),
}


def server(cache: bool) -> VllmSettings:
    """Gives the settings of a server."""
    return VllmSettings(
        kind="vllm",
        model="smollm2-135m-instruct",
        max_model_len=4096,
        prefix_caching=cache,
        concurrency=AT_ONCE,
        args=("--enforce-eager",),
    )


def subjects(mode: str) -> list[Subject]:
    """Gives correct traces that can be revised in a mode, in a fixed shuffle."""
    low, high = LONG if mode == "full" else SHORT
    rows = [row for row in pq.read_table(DATA).to_pylist() if low <= len(row["response"]) < high]
    Random(4).shuffle(rows)
    found = []
    for row in rows:
        thinking, answer, closed = split_thinking(row["response"], DELIMITERS)
        parts = segment(thinking, TRANSITIONS)
        if mode == "full":
            fits = len(parts.thoughts) > FULL["max_switches"]
        else:
            stated = first_stated(parts, [row["gold"]])
            fits = stated is not None and parts.thought_of(stated) < len(parts.thoughts) - 1
        if closed and fits and slow(Item("math", answer, row["gold"], "{}")).verdict == "correct":
            found.append(_subject(row, thinking, answer))
    return found


def _subject(row: Figures, thinking: str, answer: str) -> Subject:
    task = Task(row["id"], "math", row["problem"], row["gold"], "math", "{}", None, None, None, row["benchmark"], "")
    name = ids.trace_id("sampled", task.task_id, None, row["id"], thinking, answer)
    trace = replace(trace_of(task, thinking, answer, True, row["n_tokens"]), trace_id=name)
    return Subject(task, trace, Verdict(trace.trace_id, task.task_id, "correct", None, "", 0.0, "math", 1))


async def judge(items: Sequence[Item]) -> list[Judgement]:
    """Judges in this process."""
    return [slow(item) for item in items]


@contextlib.asynccontextmanager
async def opened(teacher: Teacher, arm: Arm) -> AsyncIterator[Reviser]:
    """Opens an arm's reviser on a teacher, with an empty journal."""
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal.open(Store.open(folder))
        sampler = Sampler(
            teacher=teacher,
            settings=SampleSettings(teacher="t", prompts={"math": PROMPT.format(set=arm.set)}),
            format="chatml",
            thinking=DELIMITERS,
            journal=journal,
            seed=1,
            meter=Meter(Limits()),
            slots=asyncio.Semaphore(teacher.concurrency),
            progress=lambda samples, tokens: None,
        )
        yield Reviser(sampler, ReviseSettings(teacher="t", **arm.settings))
        journal.close()


async def run(arm: Arm, teacher: Teacher) -> Figures:
    """Revises an arm's traces and gives what came of it."""
    given = subjects(arm.settings["mode"])[: arm.traces]
    async with opened(teacher, arm) as reviser:
        load, started = machine.load(), time.perf_counter()
        if arm.at_once:
            made = await revise(given, reviser, judge)
        else:
            made = [await revise_one(one, reviser, judge) for one in given]
        return figures(made, time.perf_counter() - started) | {"load_before": load, "core_ms": machine.core_ms()}


def figures(made: Sequence[Revision], seconds: float) -> Figures:
    """Gives counts and rates of revisions."""
    rollouts = [tried.rollout for one in made for point in one.points for tried in point.rollouts]
    accepted = sum(point.outcome == "accepted" for one in made for point in one.points)
    told = sum(one.spent.told_tokens for one in made)
    return {
        "traces": len(made),
        "seconds": round(seconds, 1),
        "rollouts": len(rollouts),
        "rollouts_per_minute": round(len(rollouts) / seconds * 60, 1),
        "accepted": accepted,
        "accepted_per_minute": round(accepted / seconds * 60, 2),
        "traces_revised": sum(one.trace is not None for one in made),
        "requests": sum(len(rollout.completions) for rollout in rollouts),
        "prompt_tokens": sum(one.spent.prompt_tokens for one in made),
        "new_tokens": sum(one.spent.completion_tokens for one in made),
        "cached_share": round(sum(one.spent.cached_tokens for one in made) / told, 3) if told else None,
    }


async def measure(names: Sequence[str], found: Figures) -> None:
    """Runs some arms and stores each one's figures."""
    for cache in (True, False):
        chosen = [name for name in names if ARMS[name].cache == cache]
        if not chosen:
            continue
        async with open_teacher("t", server(cache), Path()) as teacher:
            # A server's first requests of a size take longer.
            await run(Arm(cache, FULL | {"max_tokens": 16, "max_switches": 2}, "W", 2), teacher)
            for name in chosen:
                found[name] = await run(ARMS[name], teacher)
                print(name, json.dumps(found[name]), flush=True)
                store(found)


def store(found: Figures) -> None:
    """Stores what there is, and the ratios once all arms are there."""
    result = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": machine.describe(),
        "settings": {"full": FULL, "close": CLOSE, "in_flight": AT_ONCE},
        "arms": {name: found[name] for name in ARMS if name in found},
    }
    if len(found) == len(ARMS):
        result["ratios"] = ratios(found)
        print(json.dumps(result["ratios"], indent=1))
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")


def ratios(found: Figures) -> Figures:
    """Gives how many times as long, or as many."""

    def times(name: str, naive: str) -> float:
        return round(found["close_in_flight"][name] / found[naive][name], 2)

    return {
        "wall_time_without_prefix_cache": {
            tokens: round(found[f"full_{tokens}_uncached"]["seconds"] / found[f"full_{tokens}_cached"]["seconds"], 2)
            for tokens in ("16", "64")
        },
        **{
            f"in_flight_to_{naive.removeprefix('close_')}": {
                name: times(name, naive) for name in ("accepted_per_minute", "rollouts_per_minute")
            }
            for naive in ("close_naive_uncached", "close_naive_cached")
        },
    }


def main() -> None:
    """Runs the arms that are named, or those that are missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("arms", nargs="*", choices=[*ARMS, []], metavar="ARM")
    names = parser.parse_args().arms
    if "REASONMILL_VLLM_PYTHON" not in os.environ:
        print("left out: REASONMILL_VLLM_PYTHON names no Python with vLLM")
        return
    os.environ |= {"VLLM_CPU_NUM_OF_RESERVED_CPU": "1", "OMP_NUM_THREADS": "1"}
    found = json.loads(RESULTS.read_text())["arms"] if RESULTS.exists() else {}
    if not names and not ARMS.keys() - found.keys():
        found = {}
    asyncio.run(measure(names or [name for name in ARMS if name not in found], found))


if __name__ == "__main__":
    main()
