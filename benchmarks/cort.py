"""Live interpreter sessions beside the published protocol, which runs the whole history again at every call.

    python benchmarks/cort.py            # prints what it stores in benchmarks/results/cort.json; two minutes

Replay follows the description of CoRT's executor: earlier blocks whose output names no error are joined without their
lines that begin with print, those that print anywhere else are left out, the new block follows, and a fresh process
runs it all. It runs here as a plain `python -I`, which isolates nothing. The programs are recorded ones (ToRA's), five
to a trace, each slowed down by 0.2 s. Arms take turns, the best round of each counts.
"""

import asyncio
import contextlib
import gzip
import io
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
from harness import machine

from generators.cort.detect import CHECK, COMPUTE, positions
from generators.cort.interpreter import Interpreter, open_interpreter
from generators.cort.recorded import recorded_calls
from generators.cort.recorded import replay as run_again
from verifiers import sandbox

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data" / "tora_tool_traces_gsm8k.jsonl.gz"
TRACED = DATA.with_name("reasoning_traces.parquet")
RESULT = ROOT / "benchmarks" / "results" / "cort.json"
ROUNDS, TRACES, CELLS, SLOW_S = 3, 8, 5, 0.2
LIVE = 200
MANY = 1000
CELL_S = 5.0

Trace = list[tuple[str, str]]
"""Cells with their recorded outputs."""

PITFALLS: dict[str, list[tuple[str, str | None]]] = {
    "a block that prints in a loop": [
        ("xs = []\nfor i in range(3):\n    xs.append(i)\n    print(i)", "0\n1\n2"),
        ("print(sum(xs))", "3"),
    ],
    "a random draw": [("import random\nx = random.random()\nprint(x)", None), ("print(x)", "as before")],
    "the word error in an output": [("x = 3\nprint('standard error', x)", "standard error 3"), ("print(x)", "3")],
    "an effect that counts": [
        ("file = open('/tmp/runs', 'a')\nfile.write('x')\nfile.close()", ""),
        ("n = 2", ""),
        ("print(len(open('/tmp/runs').read()))", "1"),
    ],
}
"""Short traces on which running the history again goes wrong, with what a notebook prints; None for anything."""


def recorded_traces() -> list[Trace]:
    with gzip.open(DATA, "rt") as lines:
        calls = [call for line in lines for call in recorded_calls(json.loads(line)["response"])]
    chosen = calls[:: len(calls) // (TRACES * CELLS)][: TRACES * CELLS]
    cells = [(f"import time; time.sleep({SLOW_S})\n{call.code}", call.output) for call in chosen]
    return [cells[i : i + CELLS] for i in range(0, len(cells), CELLS)]


async def live(trace: Trace, interpreter: Interpreter) -> list[str]:
    async with interpreter.python(CELL_S, len(trace)) as python:
        return [(await python.run(code, [])).stdout.strip() for code, _ in trace]


async def replay(trace: Trace, interpreter: Interpreter) -> list[str]:
    outputs: list[str] = []
    for i, (code, _) in enumerate(trace):
        kept = [before for (before, _), output in zip(trace[:i], outputs, strict=True) if not _names_error(output)]
        stripped = ["\n".join(x for x in block.split("\n") if not re.match(r"p?print\(", x)) for block in kept]
        program = "\n".join([*(block for block in stripped if "print(" not in block), code])
        done = await asyncio.to_thread(_plain, program)
        outputs.append(done)
    return outputs


def _right(outputs: list[str], expected: list[str | None]) -> bool:
    wanted = [outputs[0] if output == "as before" else output for output in expected]
    return all(one is None or one == output for output, one in zip(outputs, wanted, strict=True))


def _plain(program: str) -> str:
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True)
    return (done.stdout if done.returncode == 0 else done.stderr).strip()


def _names_error(output: str) -> bool:
    return any(word in output.lower() for word in ("error", "exception", "traceback"))


Arm = Callable[[Trace, Interpreter], Awaitable[list[str]]]
ARMS: dict[str, Arm] = {"live": live, "replay": replay}


async def compare(interpreter: Interpreter) -> dict[str, Any]:
    traces = recorded_traces()
    recorded = [output for trace in traces for _, output in trace]
    arms: dict[str, dict[str, Any]] = {name: {"rounds_s": []} for name in ARMS}
    for _ in range(ROUNDS):
        for name, arm in ARMS.items():
            began = time.perf_counter()
            outputs = [output for trace in traces for output in await arm(trace, interpreter)]
            arms[name]["rounds_s"].append(round(time.perf_counter() - began, 3))
            arms[name]["as_recorded"] = sum(a == b for a, b in zip(outputs, recorded, strict=True))
    pitfalls = {}
    for what, trace in PITFALLS.items():
        Path("/tmp/runs").unlink(missing_ok=True)
        codes = [(code, "") for code, _ in trace]
        expected = [output for _, output in trace]
        pitfalls[what] = {name: _right(await arm(codes, interpreter), expected) for name, arm in ARMS.items()}
    Path("/tmp/runs").unlink(missing_ok=True)
    best = {name: min(arm["rounds_s"]) for name, arm in arms.items()}
    return {
        "traces": TRACES,
        "cells": len(recorded),
        "arms": arms,
        "ratio": round(best["replay"] / best["live"], 2),
        "right_on_pitfalls": pitfalls,
    }


async def at_once(interpreter: Interpreter) -> dict[str, Any]:
    """LIVE sessions that are open at the same time, each with a name that its second cell needs."""
    before = _memory_mb()
    gate = asyncio.Barrier(LIVE)

    async def one(i: int) -> tuple[bool, int, float]:
        async with interpreter.python(60.0, 2) as python:
            await python.run(f"x = {i}", [])
            await gate.wait()
            seen, memory = (len(_processes()), _memory_mb()) if i == 0 else (0, 0.0)
            return (await python.run("print(x)", [])).stdout.strip() == str(i), seen, memory

    began = time.perf_counter()
    found = await asyncio.gather(*(one(i) for i in range(LIVE)))
    return {
        "sessions": LIVE,
        "right": sum(right for right, _, _ in found),
        "processes": max(seen for _, seen, _ in found),
        "mb_a_session": round((max(memory for _, _, memory in found) - before) / LIVE, 2),
        "seconds": round(time.perf_counter() - began, 2),
    }


async def many(interpreter: Interpreter) -> dict[str, Any]:
    """MANY traces of CELLS cells; what is there afterwards that was not there when the first fifth was done."""

    async def one(i: int) -> bool:
        async with interpreter.python(CELL_S, CELLS) as python:
            for k in range(CELLS):
                outcome = await python.run(f"x = {i} + {k}\nprint(x)", [])
            return outcome.stdout.strip() == str(i + CELLS - 1)

    right = 0
    marks = []
    began = time.perf_counter()
    for start in range(0, MANY, 100):
        right += sum(await asyncio.gather(*(one(i) for i in range(start, start + 100))))
        marks.append({"processes": len(_processes()), "files": _files(), "mb": round(_memory_mb(), 1)})
    seconds = time.perf_counter() - began
    first, last = marks[1], marks[-1]
    leaked = {name: round(last[name] - first[name], 1) for name in last}
    return {
        "traces": MANY,
        "right": right,
        "seconds": round(seconds, 1),
        "end": last,
        "more_than_at_200_traces": leaked,
    }


async def a_cell(interpreter: Interpreter) -> dict[str, float]:
    """Milliseconds of a cell that prints, beside the same code in this very process."""
    code, times, bare = "print(6 * 7)", [], []
    async with interpreter.python(CELL_S, 2000) as python:
        await python.run("x = 1", [])
        for _ in range(500):
            began = time.perf_counter()
            await python.run(code, [])
            times.append(time.perf_counter() - began)
            began = time.perf_counter()
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(code, "<cell>", "exec"), {})  # noqa: S102 (our own code)
            bare.append(time.perf_counter() - began)
    cell, plain = statistics.median(times) * 1e3, statistics.median(bare) * 1e3
    return {
        "cell_ms": round(cell, 3),
        "cell_p95_ms": round(statistics.quantiles(times, n=20)[-1] * 1e3, 3),
        "bare_ms": round(plain, 3),
        "more_ms": round(cell - plain, 3),
    }


async def recorded_programs(interpreter: Interpreter) -> dict[str, int]:
    """Every recorded program run again here, by how its output compares with the recorded one."""
    with gzip.open(DATA, "rt") as lines:
        traces = [recorded_calls(json.loads(line)["response"]) for line in lines]
    again = [one for calls in traces for one in await run_again(calls, interpreter)]
    return {"programs": len(again), **Counter(one.why for one in again)}


def detected() -> dict[str, Any]:
    """Where the detectors would put hints into the real traces, and the share of the thinking that they reach over."""
    texts = [text.partition("</think>")[0] for text in pq.read_table(TRACED)["response"].to_pylist()]
    found = [positions(text) for text in texts]
    characters = sum(map(len, texts))
    result: dict[str, Any] = {"traces": len(texts), "characters": characters}
    for kind in (COMPUTE, CHECK):
        of_kind = [[one for one in some if one.kind == kind] for some in found]
        result[kind] = {
            "positions": sum(map(len, of_kind)),
            "traces": sum(map(bool, of_kind)),
            "share": round(sum(one.end - one.at for some in of_kind for one in some) / characters, 4),
        }
    return result


def _processes() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def _files() -> int:
    return len(os.listdir("/proc/self/fd"))


def _memory_mb() -> float:
    """Of this process and all under it, each shared page once."""
    total = 0.0
    for process in [psutil.Process(), *_processes()]:
        with contextlib.suppress(psutil.Error, OSError):
            total += process.memory_full_info().pss / 2**20
    return total


async def main() -> None:
    result: dict[str, Any] = {
        "machine": machine.describe(),
        "sandbox_level": sandbox.level(),
        "load_before": machine.load(),
    }
    async with open_interpreter() as interpreter:
        await live([("x = 1", "")], interpreter)  # the warm process is there
        result["replay"] = await compare(interpreter)
        result["a_cell_that_prints"] = await a_cell(interpreter)
        result["at_once"] = await at_once(interpreter)
        result["many"] = await many(interpreter)
        result["recorded_programs"] = await recorded_programs(interpreter)
    result["detected"] = detected()
    result["processes_left"] = len(_processes())
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    asyncio.run(main())
