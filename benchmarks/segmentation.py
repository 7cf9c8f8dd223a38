"""Cutting real reasoning into steps and thoughts: megabytes a second on one core.

    python benchmarks/segmentation.py      # prints a line, stores benchmarks/results/segmentation.json

Rates are per second of CPU time of this process. The floor under them is the time that it takes to find the blank
lines alone, with the same regular expression engine, and to cut there. `answers` is the search for the step at which
the reference first stands, over the correct traces. `shapes` says how the traces are built, in groups: their verdicts
are ours. The data lies beside the checkout (shared/data).
"""

import json
import re
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow.parquet as pq
from harness import machine

from catalog.records import Task
from flows.file_traces import trace_of
from generators.retro_search.answers import first_stated
from generators.retro_search.segment import segment
from generators.retro_search.stats import Shape, shape, shapes
from generators.sampling import split_thinking
from generators.settings import TRANSITIONS
from verifiers.judge import Item, slow

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data" / "reasoning_traces.parquet"
RESULT = ROOT / "benchmarks" / "results" / "segmentation.json"

ROUNDS = 7


def cpu_s(work: Callable[[], object]) -> float:
    """Gives the median CPU seconds of a piece of work."""
    seconds = []
    for _ in range(ROUNDS):
        started = time.process_time()
        work()
        seconds.append(time.process_time() - started)
    return median(seconds)


def built(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Gives how traces are built: all, by verdict, and the correct ones of MATH-500 apart."""
    groups: dict[str, list[Shape]] = {}
    for row in rows:
        thinking, answer, closed = split_thinking(row["response"], ("<think>", "</think>"))
        judged = slow(Item("math", answer if closed else row["response"], row["gold"], "{}"))
        correct = closed and judged.verdict == "correct"
        given = row["id"], "math", row["problem"], row["gold"], "math", "{}", None, None, None, row["benchmark"], ""
        task = Task(*given)
        trace = trace_of(task, thinking, answer, closed, row["n_tokens"])
        targets = [row["gold"], (judged.extracted or "") if correct else ""]
        of_trace = shape(trace, targets, TRANSITIONS)
        names = ["all", "correct" if correct else "wrong" if closed else "cut off"]
        if correct:
            names.append("correct, MATH-500" if row["benchmark"] == "math500" else "correct, AIME and AMC")
        for name in names:
            groups.setdefault(name, []).append(of_trace)
    return {name: asdict(shapes(found)) for name, found in groups.items()}


def main() -> None:
    rows = pq.read_table(DATA).to_pylist()
    texts = [row["response"].partition("</think>")[0] for row in rows]
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    blank = re.compile(r"\n\s*\n")
    cut = [segment(text, TRANSITIONS) for text in texts]
    right = [(found, row["gold"]) for found, row in zip(cut, rows, strict=True) if row["verdict"]]
    searched = sum(len(found.text.encode()) for found, _ in right) / 1e6
    segmenting = cpu_s(lambda: [segment(text, TRANSITIONS) for text in texts])
    splitting = cpu_s(lambda: [blank.split(text) for text in texts])
    searching = cpu_s(lambda: [first_stated(found, [gold]) for found, gold in right])
    result = {
        "machine": machine.describe(),
        "load": machine.load(),
        "core_ms": machine.core_ms(),
        "traces": len(texts),
        "megabytes": round(megabytes, 2),
        "steps": sum(len(found.steps) for found in cut),
        "thoughts": sum(len(found.thoughts) for found in cut),
        "segment_mb_per_cpu_s": round(megabytes / segmenting, 1),
        "split_at_blank_lines_mb_per_cpu_s": round(megabytes / splitting, 1),
        "answers_mb_per_cpu_s": round(searched / searching, 1),
        "shapes": built(rows),
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
