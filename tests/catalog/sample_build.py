"""A small build with every case that an export tells apart, made of records alone."""

import random
from dataclasses import replace
from pathlib import Path

from catalog import ids
from catalog.manifest import Manifest, library_versions
from catalog.records import Reject, Task, Trace, Verdict
from catalog.store import Build, Store

REVISION = "scripted@7"


def task(number: int, **changes) -> Task:
    prompt = f"What is {number} + {number}?"
    made = Task(
        task_id=ids.task_id("math", prompt, str(2 * number), "math", "{}"),
        domain="math",
        prompt=prompt,
        reference=str(2 * number),
        verifier="math",
        spec="{}",
        difficulty=1.0,
        guess_rate=None,
        structure=None,
        source="algebra level 1",
        license="CC0-1.0",
    )
    return replace(made, **changes)


def trace(of: Task, sample: int, **changes) -> Trace:
    made = Trace(
        trace_id="",
        task_id=of.task_id,
        parent=None,
        origin="sampled",
        sample=sample,
        thinking=f"Try {sample}.\n\nAdd the two.",
        answer=f"It is \\boxed{{{of.reference}}}, {sample}.",
        finish_reason="stop",
        truncated=False,
        prompt_tokens=9,
        completion_tokens=20 + sample,
        mean_logprob=-0.25,
        step_logprobs=None,
        params="{}",
        seed=1,
        teacher="tiny",
        revision=REVISION,
        completion_key=f"c{of.task_id}{sample}",
        wall_s=0.5,
    )
    made = replace(made, **changes)
    key = ids.trace_id(made.origin, made.task_id, made.parent, made.completion_key, made.thinking, made.answer)
    return replace(made, trace_id=changes.get("trace_id", key))


def verdict(of: Trace, says: str, **changes) -> Verdict:
    extracted = "4" if says in ("correct", "wrong") else None
    return replace(Verdict(of.trace_id, of.task_id, says, extracted, "", 1.5, "math", 1), **changes)


def dropped(row_id: str, kind: str) -> Reject:
    return Reject(row_id, kind, "dedup", "exact", "", None, 1.0, "{}")


def write_shard(build: Build, shard: int, rows: list[tuple[Task, list[tuple[Trace, Verdict | None]]]]) -> None:
    part = f"{shard:05d}"
    judged = [pair for _, pairs in rows for pair in pairs]
    build.write("tasks", part, [of for of, _ in rows])
    build.write("traces", part, [made for made, _ in judged])
    build.write("verdicts", part, [says for _, says in judged if says])


def one_task(store: Path, of: Task, *pairs: tuple[Trace, str | None]) -> Build:
    """A build of one task whose traces have these verdicts."""
    build = Store.open(store).build("one", "v1")
    write_shard(build, 0, [(of, [(made, verdict(made, says) if says else None) for made, says in pairs])])
    return build


def large(store: Path, shards: int = 3, tasks: int = 40, samples: int = 4, order: int = 0, name: str = "sums") -> Build:
    """A build of many tasks; `order` shuffles in which order shards and the rows within them are written."""
    build = Store.open(store).build(name, "v1")
    shuffle = random.Random(order).shuffle
    numbers = list(range(shards))
    shuffle(numbers)
    for shard in numbers:
        chance = random.Random(shard)
        rows = []
        for number in range(shard * tasks, (shard + 1) * tasks):
            of = task(number, license=("MIT", "CC0-1.0")[number % 2], source=f"set{number % 2}")
            pairs = []
            for sample in range(samples):
                says = chance.choice(["correct", "wrong", "unparsable", "correct"])
                made = trace(of, sample, truncated=says == "unparsable", wall_s=order + 0.25)
                pairs.append((made, verdict(made, says, ms=order + 0.5)))
            shuffle(pairs)
            rows.append((of, pairs))
        write_shard(build, shard, rows)
    return build


def finish(build: Build, checksums: dict[str, str], status: str = "complete", **changes) -> Manifest:
    """Writes the manifest that a finished build has."""
    manifest = Manifest(
        name=build.name,
        version=build.version,
        status=status,  # type: ignore[arg-type]
        recipe={
            "name": build.name,
            "seed": 3,
            "tasks": [{"generator": "problems", "path": "sums.jsonl", "limit": None, "columns": {"prompt": "q"}}],
            "teachers": {"tiny": {"kind": "scripted", "faults": [], "url": None}},
            "sample": {"teacher": "tiny", "n": 4, "temperature": 0.6},
            "dedup": {"exact": True, "semantic": None},
            "export": {"test_fraction": 0.1},
        },
        code_version="0.1.0",
        teachers={"tiny": REVISION},
        seed=3,
        checksums=checksums,
        versions=library_versions(),
    )
    manifest = manifest.model_copy(update=changes)
    build.write_manifest(manifest)
    return manifest
