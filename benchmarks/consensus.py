"""How often a majority is right where no reference is known, and which wrong references it finds, on real solutions.

`python benchmarks/consensus.py` votes over solutions whose references are known, holds the winners against these, and
then audits references that stand and references that were swapped. It prints the figures and writes
benchmarks/results/consensus.json; half a minute. No rates: counts, which any machine gives alike.
"""

import argparse
import gzip
import json
import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness import machine

from flows.references import MAJORITY_AGREEING, MAJORITY_SHARE, audit
from verifiers.consensus import Ballot, answer_of, item, votes
from verifiers.pool import Pool

RESULTS = Path(__file__).resolve().parent / "results" / "consensus.json"
DATA = RESULTS.parents[3] / "shared" / "data"
SETS = ("qwen_math_cot_verdicts", "gsm8k_model_solutions")
SHARES = (0.5, 0.75, 0.9)

Rows = list[dict[str, Any]]


def main() -> None:
    """Runs all sets and stores their figures."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--data", type=Path, default=DATA, help="folder of the solutions (.jsonl.gz)")
    data = options.parse_args().data
    figures = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": machine.describe(("sympy", "math-verify")),
        "load_before": machine.load(),
        "thresholds_of_the_audit": {"share": MAJORITY_SHARE, "agreeing": MAJORITY_AGREEING},
        "sets": {name: _set(_rows(data / f"{name}.jsonl.gz")) for name in SETS},
    }
    print(json.dumps(figures, indent=1))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(figures, indent=1) + "\n")


def _set(rows: Rows) -> dict[str, Any]:
    tasks: dict[str, Rows] = {}
    for row in rows:
        tasks.setdefault(row["question"], []).append(row)
    golds = [group[0]["gold"] for group in tasks.values()]
    with Pool() as pool:
        ballots = [Ballot(tuple(answer_of(row["response"]) for row in group)) for group in tasks.values()]
        found = votes(ballots, pool.judge_many)
        winners = [vote.reference(0.0) for vote in found]
        checked = pool.judge_many([item("math", w or "", gold, "{}") for w, gold in zip(winners, golds, strict=True)])
    right = [judged.verdict == "correct" for judged in checked]
    by_share = {}
    for share in SHARES:
        won = [i for i, vote in enumerate(found) if vote.reference(share) is not None]
        by_share[str(share)] = {"references": len(won), "right": sum(right[i] for i in won)}
    return {
        "rows": len(rows),
        "tasks": len(tasks),
        "samples_right": round(sum(row["verdict"] for row in rows) / len(rows), 4),
        "majorities_from_share": by_share,
        "undecided_comparisons": sum(vote.undecided for vote in found),
        "flagged_references": {
            "as_they_are": _flagged(tasks, golds),
            "swapped": _flagged(tasks, golds[1:] + golds[:1]),
        },
    }


def _flagged(tasks: dict[str, Rows], golds: list[str]) -> int:
    """Gives of how many tasks `verify --references` flags the reference for a majority."""
    with tempfile.TemporaryDirectory() as folder:
        file, out = Path(folder, "tasks.jsonl"), Path(folder, "flagged.jsonl")
        with file.open("w") as lines:
            for number, (group, gold) in enumerate(zip(tasks.values(), golds, strict=True)):
                for row in group:
                    line = {"task_id": str(number), "response": row["response"], "reference": gold}
                    lines.write(json.dumps(line) + "\n")
        audit(str(file), str(out), (), None, 5.0, as_json=False)
        flagged = Counter(row["task_id"] for row in map(json.loads, out.open()) if "majority" in row["flags"])
    return len(flagged)


def _rows(path: Path) -> Rows:
    with gzip.open(path, "rt") as lines:
        return [json.loads(line) for line in lines]


if __name__ == "__main__":
    main()
