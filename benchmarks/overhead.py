"""What the factory itself costs a row, beside a bare HTTP client and the tools that people use for the same.

`python benchmarks/overhead.py` runs all arms against one local server, prints a table and writes
benchmarks/results/overhead.json; the peers are installed on first use, each into an environment of its own.
`--quick` runs ours and the bare client on fewer rows, in about a minute, and stores nothing. Run it on an idle machine:
each figure is stored with the load of the machine and with the cores that others kept busy meanwhile.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from harness import environments, machine, process

from generators.saturn import generate
from generators.settings import SaturnSettings

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "overhead.json"
PEERS = HERE / "peers"
TIMEOUT_S = 1800
REPEATS = 2
ROUNDS = 5
"""Of the bare client and ours, one after the other in each: the share is compared within a round."""

SEED = 1
LEVEL = {"n": 3, "k": 6, "l": 8}
"""Small formulas, of which there are enough for 100,000 tasks of different structure."""

RECIPE = """name = "overhead"
seed = {seed}

[[tasks]]
generator = "saturn"
n = {n}
k = {k}
l = {l}
count = {count}

[teachers.stub]
kind = "openai"
url = "{url}"
model = "stub"
concurrency = 64

[sample]
teacher = "stub"
n = {samples}
temperature = 0.6
max_tokens = 512
"""

Figures = dict[str, Any]


@dataclass(frozen=True)
class Arm:
    """One way to get `rows` answers: `samples` to each of rows / samples prompts."""

    name: str
    rows: int
    samples: int
    measure: Callable[["Arm", str, int, Path], Figures]
    """Gives the figures of one run, from the server's address and process id and an empty folder."""
    repeats: int = REPEATS

    @property
    def prompts(self) -> int:
        """Requests that the server gets."""
        return self.rows // self.samples


def bare(arm: Arm, url: str, server: int, folder: Path) -> Figures:
    """Measures the bare client."""
    command = [sys.executable, PEERS / "bare.py", url, _rows_file(arm.prompts, folder), arm.samples]
    ran = _run(command, server)
    return _figures(ran, json.loads(ran.output.splitlines()[-1]))


def ours(arm: Arm, url: str, server: int, folder: Path) -> Figures:
    """Measures `reasonmill build --plain`.

    The part from the moment at which all tasks stand to the last shard's verdicts on disk is told by the times of the
    ledger's files: it holds sampling, journal, verdicts and Parquet, and opening what they need.
    """
    recipe = folder / "overhead.toml"
    recipe.write_text(RECIPE.format(seed=SEED, **LEVEL, count=arm.prompts, url=url, samples=arm.samples))
    program = Path(sys.executable).with_name("reasonmill")
    before = datetime.now(UTC).timestamp()
    ran = _run([program, "build", recipe, "--plain", "--store", folder / "store", "--json"], server)
    summary = json.loads(ran.output)
    stages = Path(summary["path"]) / "stages"
    tasks = (stages / "tasks.parquet").stat().st_mtime
    ends = max(part.stat().st_mtime for part in stages.glob("[0-9]*.parquet"))
    inner = {"rows": sum(summary["verdicts"].values()), "correct": summary["verdicts"]["correct"]}
    return _figures(ran, inner | {"seconds": ends - tasks}) | {
        "tasks_s": round(tasks - before, 2),
        "dedup_export_s": round(before + ran.seconds - ends, 2),
    }


def curator(arm: Arm, url: str, server: int, folder: Path) -> Figures:
    """Measures bespokelabs-curator; the part is from making its LLM object to the dataset, without imports."""
    python = environments.python_of("curator", PEERS / "curator.txt")
    # The copy of cl100k_base inside litellm; without it the encoding would be fetched from the net.
    encodings = next(python.parents[1].glob("lib/python*/site-packages/litellm/litellm_core_utils/tokenizers"))
    env = {
        "CURATOR_CACHE_DIR": str(folder),
        "CURATOR_DISABLE_CACHE": "1",
        "CURATOR_DISABLE_RICH_DISPLAY": "1",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "OPENAI_API_KEY": "none",
        "TELEMETRY_ENABLED": "false",
        "TIKTOKEN_CACHE_DIR": str(encodings),
    }
    ran = _run([python, PEERS / "curator_arm.py", url, _rows_file(arm.prompts, folder)], server, env | _hub(folder))
    return _figures(ran, json.loads(ran.output.splitlines()[-1]))


def distilabel(arm: Arm, url: str, server: int, folder: Path) -> Figures:
    """Measures distilabel with as many rows a batch as the others have requests in flight."""
    return _distilabel(arm, url, server, folder, 64)


def distilabel_batch_1000(arm: Arm, url: str, server: int, folder: Path) -> Figures:
    """Measures distilabel with the large batches that suit it best."""
    return _distilabel(arm, url, server, folder, 1000)


def _distilabel(arm: Arm, url: str, server: int, folder: Path, batch: int) -> Figures:
    python = environments.python_of("distilabel", PEERS / "distilabel.txt")
    # At its default it prints a line a request, for a client library that it no longer silences.
    env = {"DISTILABEL_CACHE_DIR": str(folder), "DISTILABEL_LOG_LEVEL": "WARNING"}
    command = [python, PEERS / "distilabel_arm.py", url, _rows_file(arm.prompts, folder), folder, batch]
    ran = _run(command, server, env | _hub(folder))
    return _figures(ran, json.loads(ran.output.splitlines()[-1]))


ARMS = (
    Arm("bare", 10_000, 1, bare, ROUNDS),
    Arm("ours", 10_000, 1, ours, ROUNDS),
    Arm("bare, 4 samples", 10_000, 4, bare),
    Arm("ours, 4 samples", 10_000, 4, ours),
    Arm("curator", 3_000, 1, curator),
    Arm("distilabel", 3_000, 1, distilabel),
    Arm("distilabel, batch 1000", 3_000, 1, distilabel_batch_1000),
    Arm("ours, 100,000 rows", 100_000, 1, ours, repeats=1),
)
QUICK = (
    Arm("bare", 5_000, 1, bare, repeats=1),
    Arm("ours", 5_000, 1, ours, repeats=1),
    Arm("bare, 4 samples", 5_000, 4, bare, repeats=1),
    Arm("ours, 4 samples", 5_000, 4, ours, repeats=1),
)


def _run(command: list[Any], server: int, env: dict[str, str] | None = None) -> process.Ran:
    env = {**os.environ, **(env or {})}
    return process.run([str(part) for part in command], env=env, timeout_s=TIMEOUT_S, others=[server])


def _hub(folder: Path) -> dict[str, str]:
    return {"HF_HOME": str(folder / "hf"), "HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1"}


def _figures(ran: process.Ran, inner: Figures) -> Figures:
    """Puts together what was seen from outside and the rows and seconds of the part that is compared."""
    rows = inner["rows"]
    return {
        "rows": rows,
        **({"correct": inner["correct"]} if "correct" in inner else {}),
        "rows_per_s": round(rows / inner["seconds"], 1),
        "command_rows_per_s": round(rows / ran.seconds, 1),
        "seconds": round(inner["seconds"], 2),
        "command_s": round(ran.seconds, 2),
        "command_cpu_us_per_row": round(ran.cpu_s / rows * 1e6),
        "peak_mb": round(ran.peak_mb),
        "children_peak_mb": round(ran.children_peak_mb),
        "load_before": ran.load_before,
        "core_ms": ran.core_ms,
        "foreign_cores": ran.foreign_cores,
    }


def _rows_file(count: int, folder: Path) -> Path:
    """Writes the prompts and specs of the tasks that the recipe has, too."""
    path = folder / "rows.jsonl"
    settings = SaturnSettings(generator="saturn", count=count, **LEVEL)
    with path.open("w", encoding="utf-8") as file:
        for task in generate(settings, SEED, 0):
            file.write(json.dumps({"prompt": task.prompt, "spec": task.spec}) + "\n")
    return path


def measure(arm: Arm) -> Figures:
    """Gives one run's figures, from a fresh server and an empty folder.

    Raises RuntimeError where the arm brought other rows, or asked more or less often, than it was to.
    """
    with (
        tempfile.TemporaryDirectory(prefix="overhead-") as folder,
        process.server([sys.executable, str(PEERS / "stub.py")]) as (port, server),
    ):
        figures = arm.measure(arm, f"http://127.0.0.1:{port}/v1", server, Path(folder))
        with urlopen(f"http://127.0.0.1:{port}/stats") as response:
            requests = json.load(response)["finished"]
        figures["server_cpu_us_per_row"] = round(process.cpu_s([server]) / figures["rows"] * 1e6)
    if figures["rows"] != arm.rows or requests != arm.prompts:
        raise RuntimeError(f"{arm.name}: {figures['rows']} rows of {arm.rows}, {requests} requests of {arm.prompts}")
    return figures


def measure_all(arms: tuple[Arm, ...]) -> dict[str, Figures]:
    """Runs every arm alone, repeats by turns so that a slow spell of the machine does not meet one arm only."""
    runs: dict[str, list[Figures]] = {arm.name: [] for arm in arms}
    for repeat in range(max(arm.repeats for arm in arms)):
        for arm in arms:
            if repeat < arm.repeats:
                runs[arm.name].append(measure(arm))
                print(_row(arm.name, runs[arm.name][-1]), file=sys.stderr)
    return {name: _summary(found) for name, found in runs.items()}


def _summary(runs: list[Figures]) -> Figures:
    rates = [run["rows_per_s"] for run in runs]
    return {
        "rows": runs[0]["rows"],
        "rows_per_s": {"best": max(rates), "median": statistics.median(rates)},
        "peak_mb": max(run["peak_mb"] for run in runs),
        "runs": runs,
    }


def targets(arms: dict[str, Figures]) -> list[Figures]:
    """Gives what was wanted beside what was measured.

    Of every arm its best run counts, the one that was disturbed least; as a share of the bare client's rate, the median
    of the rounds, for the machine's own speed swings from one minute to the next.
    """
    rate = {name: arm["rows_per_s"]["best"] for name, arm in arms.items()}
    wanted: list[tuple[str, float, str, float]] = [("rows a second", rate["ours"], ">=", 2000)]
    rounds = zip(arms["ours"]["runs"], arms["bare"]["runs"], strict=True)
    shares = [mine["rows_per_s"] / theirs["rows_per_s"] for mine, theirs in rounds]
    wanted.append(("share of the bare client's rate, median", statistics.median(shares), ">=", 0.5))
    for peer, factor in (("curator", 5), ("distilabel", 10), ("distilabel, batch 1000", 10)):
        if peer in arms:
            wanted.append((f"times {peer}", rate["ours"] / rate[peer], ">=", factor))
    small, large = arms["ours"]["peak_mb"], arms.get("ours, 100,000 rows", {}).get("peak_mb")
    wanted.append(("peak MB of the build process", large or small, "<", 300))
    if large:
        wanted.append(("peak at 100,000 rows by peak at 10,000", large / small, "<", 1.1))
    return [
        {
            "what": what,
            "measured": round(value, 2),
            "wanted": f"{sign} {limit}",
            "met": value >= limit if sign == ">=" else value < limit,
        }
        for what, value, sign, limit in wanted
    ]


def _row(name: str, run: Figures) -> str:
    return (
        f"{name:24} {run['rows_per_s']:>9,.1f} rows/s  {run['command_rows_per_s']:>9,.1f} with start and end"
        f"  {run['command_cpu_us_per_row']:>6,} us CPU/row  {run['peak_mb']:>5,} MB (+{run['children_peak_mb']:,})"
        f"  load {run['load_before']}, loop {run['core_ms']:.0f} ms, foreign {run['foreign_cores']}"
    )


def _peer_versions() -> dict[str, str]:
    found: dict[str, str] = {}
    for name, package in (("curator", "bespokelabs-curator"), ("distilabel", "distilabel")):
        python = environments.python_of(name, PEERS / f"{name}.txt")
        found |= environments.versions(python, (package,))
    return found


def _commit() -> str:
    command = ["git", "-C", str(HERE), "describe", "--always", "--dirty", "--exclude", "*"]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip() or "unknown"


def main() -> None:
    """Measures, prints, stores."""
    parser = argparse.ArgumentParser(description="Measures what the factory itself costs a row.")
    parser.add_argument("--quick", action="store_true", help="ours and the bare client only; stores nothing")
    quick = parser.parse_args().quick
    peers = {} if quick else _peer_versions()
    commit = _commit()
    arms = measure_all(QUICK if quick else ARMS)
    for line in targets(arms):
        print(f"{'met' if line['met'] else 'NOT MET':8} {line['what']}: {line['measured']:,} (wanted {line['wanted']})")
    if quick:
        return
    result = {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit,
        "machine": machine.describe(("reasonmill", "aiohttp", "orjson", "pyarrow", "duckdb", "datasets")),
        "peers": peers,
        "level": LEVEL,
        "arms": arms,
        "targets": targets(arms),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
