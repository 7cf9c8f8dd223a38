"""Retro-Search with a reviser of 135 million parameters on this CPU, over real traces of far larger models.

    python benchmarks/tiny_reviser.py    # ten minutes; prints what it stores in benchmarks/results/tiny_reviser.json

The shortest correct traces of MATH-500 (shared/data) go through the verb `revise` with the embedded model in the mode
`close`, four starts, the answer begun for it, and controls on all. Each revised response is verified once more here.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow.parquet as pq
from harness import machine

from verifiers.judge import Item, slow

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data" / "reasoning_traces.parquet"
RESULT = ROOT / "benchmarks" / "results" / "tiny_reviser.json"
TRACES = 32

SETTINGS = (
    "revise.starts=4",
    "revise.max_tokens=256",
    "revise.controls=1.0",
    "revise.lead='The final answer is \\boxed{'",
    "sample.prompts.math='{prompt} Put the final answer in \\boxed{}.'",
)


def shortest() -> list[dict[str, object]]:
    rows = pq.read_table(DATA, filters=[("benchmark", "=", "math500")]).to_pylist()
    right = [row for row in rows if row["verdict"] and not row["truncated"] and "</think>" in row["response"]]
    right.sort(key=lambda row: (len(row["response"]), row["id"]))
    return [
        {
            "id": row["id"],
            "problem": row["problem"],
            "reference": row["gold"],
            "response": row["response"],
            "tokens": row["n_tokens"],
        }
        for row in right[:TRACES]
    ]


def main() -> None:
    result: dict[str, object] = {"machine": machine.describe(), "load_before": machine.load()}
    with tempfile.TemporaryDirectory() as folder:
        file, out = Path(folder, "traces.jsonl"), Path(folder, "revised.jsonl")
        file.write_text("".join(json.dumps(row) + "\n" for row in shortest()))
        reasonmill = [sys.executable, "-c", "from flows.cli import main; main()"]
        options = [part for setting in SETTINGS for part in ("--set", setting)]
        call = ["revise", file, "-o", out, "--store", Path(folder, "store"), "--teacher", "embedded", "--mode", "close"]
        done = subprocess.run([*reasonmill, *call, *options, "--json"], stdout=subprocess.PIPE, check=True, cwd=ROOT)
        revised = [row for row in map(json.loads, out.read_text().splitlines()) if row["revised"]]
    result["report"] = {name: value for name, value in json.loads(done.stdout).items() if name != "out"}
    verdicts = [slow(Item("math", row["response"], row["reference"], "{}")).verdict for row in revised]
    result["verified_again"] = {"revised": len(revised), "correct": verdicts.count("correct")}
    before, after = (sum(row[name] for row in revised) for name in ("tokens_before", "tokens_after"))
    result["tokens_saved_on_revised"] = round(1 - after / before, 3) if before else None
    result["answers"] = [row["response"].rpartition("</think>")[2].strip()[:200] for row in revised][:5]
    RESULT.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    print(json.dumps(result, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
