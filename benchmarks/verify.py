"""Verdicts a second and agreement with labels: our verifiers against plain math-verify, same rows, same process.

    python benchmarks/verify.py            # prints a table, stores benchmarks/results/verify.json

Rates are rows per second of CPU time of this process, on one core, so that a busy machine does not distort them; every
row is judged in this process, without the pool. Hostile answers go through the pool, and what they take is told by the
clock. math-verify is called as its documentation says, on the whole response, its own timeouts on. The data lies beside
the checkout (shared/data).
"""

import gzip
import json
import logging
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from verifiers import math
from verifiers.judge import Item, slow
from verifiers.pool import Pool

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
RESULT = ROOT / "benchmarks" / "results" / "verify.json"

DEADLINE_S = 2.0

Row = tuple[str, str, bool]
"""Response, reference, label."""


def rows(name: str) -> list[dict[str, Any]]:
    if name.endswith(".parquet"):
        return pq.read_table(DATA / name).to_pylist()
    with gzip.open(DATA / name, "rt") as lines:
        return [json.loads(line) for line in lines]


def ours(response: str, reference: str) -> bool:
    return slow(Item("math", response, reference, "{}")).verdict == "correct"


def math_verify(response: str, reference: str) -> bool:
    from math_verify import parse, verify

    return verify(parse(f"${reference}$"), parse(response))


def measure(judge: Callable[[str, str], bool], data: list[Row]) -> tuple[list[bool], float]:
    started = time.process_time()
    found = [judge(response, reference) for response, reference, _ in data]
    return found, time.process_time() - started


def adversarial() -> dict[str, Any]:
    """Gives the seconds that the slowest hostile answer takes: ours in the pool, theirs with its own clock."""
    data = rows("math_adversarial.jsonl.gz")
    slowest = {"ours": 0.0, "math_verify": 0.0}
    by_limit = 0
    with Pool(workers=1, deadline_s=DEADLINE_S) as pool:
        pool.judge_many([Item("math", "\\boxed{x^2 - 1}", "(x-1)(x+1)", "{}")])  # the worker stands
        for row in data:
            started = time.perf_counter()
            (judged,) = pool.judge_many([Item("math", row["pred"], row["gold"], "{}")])
            slowest["ours"] = max(slowest["ours"], time.perf_counter() - started)
            by_limit += judged.detail.startswith("limit: ")
            started = time.perf_counter()
            math_verify(row["pred"], row["gold"])
            slowest["math_verify"] = max(slowest["math_verify"], time.perf_counter() - started)
    return {"rows": len(data), "stopped_by_a_limit": by_limit} | {
        who: {"slowest_s": round(seconds, 3)} for who, seconds in slowest.items()
    }


def main() -> None:
    logging.disable(logging.WARNING)
    math.warm_up()
    sets: dict[str, list[Row]] = {
        "reasoning_traces": [(r["response"], r["gold"], r["verdict"]) for r in rows("reasoning_traces.parquet")],
        "gsm8k_model_solutions": [
            (r["response"], r["gold"], r["verdict"]) for r in rows("gsm8k_model_solutions.jsonl.gz")
        ],
        "qwen_math_cot": [(r["response"], r["gold"], r["verdict"]) for r in rows("qwen_math_cot_verdicts.jsonl.gz")],
    }
    result: dict[str, Any] = {}
    for name, data in sets.items():
        labels = [label for _, _, label in data]
        line: dict[str, Any] = {"rows": len(data)}
        for who, judge in (("ours", ours), ("math_verify", math_verify)):
            found, seconds = measure(judge, data)
            line[who] = {
                "rows_per_cpu_second": round(len(data) / seconds),
                "agreement": round(sum(a == b for a, b in zip(found, labels, strict=True)) / len(data), 4),
            }
        line["ratio"] = round(line["ours"]["rows_per_cpu_second"] / line["math_verify"]["rows_per_cpu_second"], 1)
        result[name] = line
    sat = [
        Item(
            "sat",
            f"so \\boxed{{{r['solution']}}}",
            "",
            json.dumps({"n": r["n"], "k": r["k"], "l": r["l"], "clauses": r["clause"]}),
        )
        for r in rows("saturn_sat_train.jsonl.gz")
        for _ in range(8)  # samples of one task share its parsed formula
    ]
    started = time.process_time()
    right = sum(slow(item).verdict == "correct" for item in sat)
    seconds = time.process_time() - started
    result["saturn_sat_train"] = {"rows": len(sat), "ours": {"rows_per_cpu_second": round(len(sat) / seconds)}}
    result["saturn_sat_train"]["ours"]["agreement"] = right / len(sat)
    result["math_adversarial"] = adversarial()
    names = ("math-verify", "sympy", "latex2sympy2_extended")
    versions = {name: version(name) for name in names} | {"python": platform.python_version()}
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps({"versions": versions, "results": result}, indent=2) + "\n")
    for name, line in result.items():
        print(name, json.dumps(line))


if __name__ == "__main__":
    main()
