"""Programs a second and right verdicts of the code verifier, beside a plain subprocess each, on two cores.

    python benchmarks/code.py            # prints a table, stores benchmarks/results/code.json

The same programs in both arms: HumanEval and MBPP references with their tests, CRUXEval functions with their outputs.
The plain arm is `python -I -S -c` of program and tests together, two at a time: nothing is isolated, the program can
patch what it likes. Arms take turns, the best round of each counts. The data lies beside the checkout.
"""

import gzip
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from harness import machine

from verifiers import sandbox
from verifiers.code import verify

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
RESULT = ROOT / "benchmarks" / "results" / "code.json"
ROUNDS = 5
AT_ONCE = 2

Program = tuple[str, str, dict[str, Any], str]
"""Set, program, spec, program and tests in one text."""


def rows(name: str) -> list[dict[str, Any]]:
    with gzip.open(DATA / f"{name}.jsonl.gz", "rt") as lines:
        return [json.loads(line) for line in lines]


def suite(row: dict[str, Any], program: str, name: str) -> Program:
    """A program with the tests of a HumanEval or an MBPP task."""
    if "entry_point" in row:
        spec = {"kind": "check", "test": row["test"], "entry_point": row["entry_point"]}
        return name, program, spec, f"{program}\n{row['test']}\ncheck({row['entry_point']})"
    tests = "\n".join([*row["test_imports"], *row["test_list"]])
    spec = {"kind": "asserts", "setup": row["test_imports"], "asserts": row["test_list"]}
    return name, program, spec, f"{program}\n{tests}"


def right_programs() -> list[Program]:
    found = [suite(r, r["prompt"] + r["canonical_solution"], "humaneval") for r in rows("humaneval")]
    found += [suite(r, r["code"], "mbpp") for r in rows("mbpp_sanitized")]
    for r in rows("cruxeval"):
        test = f"assert f({r['input']}) == {r['output']}"
        found.append(("cruxeval", r["code"], {"kind": "asserts", "asserts": [test]}, f"{r['code']}\n{test}"))
    return found


def wrong_programs() -> list[Program]:
    tasks = {r["task_id"]: r for r in rows("humaneval")} | {f"mbpp/{r['task_id']}": r for r in rows("mbpp_sanitized")}
    return [suite(tasks[r["task_id"]], r["code"], "wrong") for r in rows("code_wrong_solutions")]


def ours(program: Program) -> str:
    return verify(f"```python\n{program[1]}\n```", "", program[2]).verdict


def plain(program: Program) -> str:
    command = [sys.executable, "-I", "-S", "-c", program[3]]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    return "correct" if done.returncode == 0 else "wrong"


def measure(judge: Callable[[Program], str], programs: list[Program]) -> tuple[list[str], float]:
    with ThreadPoolExecutor(AT_ONCE) as threads:
        started = time.perf_counter()
        return list(threads.map(judge, programs)), time.perf_counter() - started


def main() -> None:
    programs = right_programs()
    ours(programs[0])  # the warm processes are there
    arms: dict[str, dict[str, Any]] = {"ours": {"rounds": []}, "plain_subprocess": {"rounds": []}}
    for _ in range(ROUNDS):
        for name, judge in (("ours", ours), ("plain_subprocess", plain)):
            before, core_ms, began = machine.load(), machine.core_ms(), machine.busy_s()
            found, seconds = measure(judge, programs)
            counts = Counter(f"{p[0]} {verdict}" for p, verdict in zip(programs, found, strict=True))
            arms[name]["verdicts"] = dict(sorted(counts.items()))
            busy = (machine.busy_s() - began) / seconds
            line = {"programs_per_s": round(len(programs) / seconds, 1), "load_before": before}
            arms[name]["rounds"].append(line | {"core_ms": core_ms, "busy_cores": round(busy, 2)})
    for arm in arms.values():
        arm["programs_per_s"] = max(r["programs_per_s"] for r in arm["rounds"])
    wrong, _ = measure(ours, wrong_programs())
    result = {
        "machine": machine.describe(),
        "sandbox_level": sandbox.level(),
        "programs": len(programs),
        "at_once": AT_ONCE,
        "arms": arms,
        "ratio": round(arms["ours"]["programs_per_s"] / arms["plain_subprocess"]["programs_per_s"], 2),
        "wrong_programs": dict(Counter(wrong)),
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
