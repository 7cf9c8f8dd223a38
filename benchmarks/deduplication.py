"""What deduplication costs and what it finds, beside a plain faiss range search on the same vectors in the same run.

`python benchmarks/deduplication.py` prints the figures and writes benchmarks/results/deduplication.json; it
encodes about 6,000 short texts, which takes minutes. Rates are rows by wall time; the seconds that all other processes
of the machine used meanwhile are stored beside them.
"""

import argparse
import gzip
import json
import multiprocessing
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from harness import machine

from catalog import ids
from catalog.records import Task
from dedup.duplicates import duplicate_tasks, find_duplicate_tasks
from dedup.nearest import Vectors
from dedup.semantic import Semantic
from dedup.settings import DedupSettings, SemanticSettings

RESULTS = Path(__file__).resolve().parent / "results" / "deduplication.json"
DATA = RESULTS.parents[3] / "shared" / "data"
REPEATS = 3
ENCODED = 3_000
"""Rows of the corpus that the semantic arms see."""
PAIRS = 150
"""Labelled pairs of a kind, at most."""
MANY = 100_000
"""Made tasks by which memory is measured."""
THRESHOLDS = (0.8, 0.85, 0.9, 0.95)
KINDS = (
    "gsm8k_rephrase",
    "mmlu_rephrase",
    "svamp_variation_negative",
    "math_perturb_simple",
    "math_perturb_hard",
    "gsm8k_random_negative",
)
KEYS_ONLY = DedupSettings()
Figures = dict[str, Any]


class Known(Semantic):
    """The search for semantic duplicates over texts whose vectors are known."""

    vectors: dict[str, Vectors]

    def _encode(self, texts: list[str]) -> Vectors:
        return np.stack([self.vectors[text] for text in texts])


def main() -> None:
    """Runs all arms and stores their figures."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--data", type=Path, default=DATA, help="folder of gsm8k_train and dedup_pairs (.jsonl.gz)")
    data = options.parse_args().data
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    corpus = [_task(row["question"], row["gold"]) for row in _rows(data / "gsm8k_train.jsonl.gz")]
    train = corpus[:ENCODED]
    blind = [_task(row.prompt) for row in train]
    labelled = _rows(data / "dedup_pairs.jsonl.gz")
    pairs = [row for kind in KINDS for row in [r for r in labelled if r["kind"] == kind][:PAIRS]]
    figures: Figures = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": machine.describe(("faiss-cpu", "sentence-transformers", "torch")),
        "load_before": machine.load(),
        "keys": _rate(len(corpus), lambda: duplicate_tasks(corpus, KEYS_ONLY)),
        "memory": _in_process_of_its_own(_memory),
        "end_to_end": {
            "with_references": _in_process_of_its_own(_end_to_end, train),
            "without_references": _in_process_of_its_own(_end_to_end, blind),
        },
    }
    known, figures["encoding"] = _encoded([row.prompt for row in train])
    figures["search"] = _search(train, blind, known)
    known |= _encoded([text for row in pairs for text in (row["a"], row["b"])])[0]
    figures["pairs"] = {str(threshold): _pairs(pairs, known, threshold) for threshold in THRESHOLDS}
    print(json.dumps(figures, indent=1))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(figures, indent=1) + "\n")


def _rate(rows: int, work: Callable[[], list[Any]]) -> Figures:
    """Gives rows a second, the median of repeats, and how many rows the work finds."""
    rates, others, found = [], [], 0
    for _ in range(REPEATS):
        busy, own, started = machine.busy_s(), time.process_time(), time.perf_counter()
        found = len(work())
        rates.append(rows / (time.perf_counter() - started))
        others.append(machine.busy_s() - busy - (time.process_time() - own))
    return {
        "rows": rows,
        "rows_per_s": round(statistics.median(rates)),
        "duplicates": found,
        "others_cpu_s": round(max(0.0, statistics.median(others)), 1),
    }


def _end_to_end(tasks: list[Task]) -> Figures:
    """Measures the whole of it once: keys, conditions, encoding (loading the model included) and search."""
    busy, own, started = machine.busy_s(), time.process_time(), time.perf_counter()
    found = duplicate_tasks(tasks, DedupSettings(semantic=SemanticSettings()))
    seconds = time.perf_counter() - started
    used = time.process_time() - own
    reasons = [duplicate.reason for duplicate in found]
    return {
        "rows": len(tasks),
        "seconds": round(seconds, 1),
        "rows_per_s": round(len(tasks) / seconds, 1),
        "own_cpu_s": round(used, 1),
        "duplicates": {reason: reasons.count(reason) for reason in sorted(set(reasons))},
        "others_cpu_s": round(max(0.0, machine.busy_s() - busy - used), 1),
    }


def _encoded(texts: list[str]) -> tuple[dict[str, Vectors], Figures]:
    """Gives the vector of every text, and the rate at which a corpus is encoded when every text is."""
    semantic = Semantic(SemanticSettings())
    semantic._encode(texts[:1])
    own, started = time.process_time(), time.perf_counter()
    vectors = semantic._encode(texts)
    seconds = time.perf_counter() - started
    figures = {
        "rows": len(texts),
        "seconds": round(seconds, 1),
        "rows_per_s": round(len(texts) / seconds, 1),
        "own_cpu_s": round(time.process_time() - own, 1),
    }
    return dict(zip(texts, vectors, strict=True)), figures


def _search(train: list[Task], blind: list[Task], known: dict[str, Vectors]) -> Figures:
    """Compares our search, its reading of numbers included, with a range search of every vector among all."""
    import faiss

    threshold = SemanticSettings().threshold
    vectors = np.stack([known[row.prompt] for row in train])

    def ours(tasks: list[Task]) -> list[Any]:
        semantic = Known(SemanticSettings())
        semantic.vectors = known
        blocks = (tasks[at : at + 512] for at in range(0, len(tasks), 512))
        return [found for block in blocks for found in semantic.neighbours(block) if found]

    def plain() -> list[int]:
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(vectors)
        limits, _, numbers = index.range_search(vectors, threshold)
        dropped: set[int] = set()
        for at in range(len(vectors)):
            if any(n < at and n not in dropped for n in numbers[limits[at] : limits[at + 1]].tolist()):
                dropped.add(at)
        return sorted(dropped)

    return {
        "threshold": threshold,
        "ours_with_references": _rate(len(train), lambda: ours(train)),
        "ours_without_references": _rate(len(blind), lambda: ours(blind)),
        "faiss_range_search": _rate(len(train), plain),
    }


def _pairs(pairs: list[dict[str, Any]], known: dict[str, Vectors], threshold: float) -> Figures:
    """Gives the share of pairs that are called one, by kind, by us and by the cosine alone; precision and recall."""
    flags: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    for row in pairs:
        semantic = Known(SemanticSettings(threshold=threshold))
        semantic.vectors = known
        flagged = semantic.neighbours([_task(row["a"]), _task(row["b"])])[1] is not None
        flags[row["kind"]].append((flagged, float(known[row["a"]] @ known[row["b"]]) >= threshold))
    figures: Figures = {"kinds": {}}
    for kind, found in flags.items():
        mine, cosine = (round(statistics.mean(side), 3) for side in zip(*found, strict=True))
        figures["kinds"][kind] = {"pairs": len(found), "ours": mine, "cosine_alone": cosine}
    for name, side in (("ours", 0), ("cosine_alone", 1)):
        right = sum(f[side] for kind, found in flags.items() if "rephrase" in kind for f in found)
        wrong = sum(f[side] for kind, found in flags.items() if "rephrase" not in kind for f in found)
        wanted = sum(len(found) for kind, found in flags.items() if "rephrase" in kind)
        figures[name] = {"recall": round(right / wanted, 3), "precision": round(right / max(1, right + wrong), 3)}
    return figures


def _memory() -> Figures:
    """Gives what comparing many made tasks by text and structure adds to the process, of which every tenth is twice."""

    def made() -> Iterator[Task]:
        for number in range(MANY):
            unlike = number - number % 10 if number % 10 == 1 else number
            yield _task(f"What is {unlike} + {unlike * 7}?", str(number), structure=f"sum {unlike}")

    for _ in find_duplicate_tasks(iter([_task("warm up")]), KEYS_ONLY):
        pass
    before = _resident_mib()
    started = time.perf_counter()
    peak, found = before, 0
    for _ in find_duplicate_tasks(made(), KEYS_ONLY):
        found += 1
        if found % 500 == 0:
            peak = max(peak, _resident_mib())
    return {
        "rows": MANY,
        "duplicates": found,
        "added_mib": round(peak - before, 1),
        "rows_per_s": round(MANY / (time.perf_counter() - started)),
    }


def _in_process_of_its_own(work: Callable[..., Figures], *arguments: Any) -> Figures:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def _resident_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def _task(prompt: str, reference: str = "", structure: str | None = None) -> Task:
    return Task(
        task_id=ids.task_id("math", prompt, reference, "math", "{}"),
        domain="math",
        prompt=prompt,
        reference=reference,
        verifier="math",
        spec="{}",
        difficulty=None,
        guess_rate=None,
        structure=structure,
        source="benchmark",
        license="MIT",
    )


def _rows(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


if __name__ == "__main__":
    main()
