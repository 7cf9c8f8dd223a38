"""A recipe's mistakes are told in one sentence with the place and the remedy."""

import json
from pathlib import Path

import pytest

from catalog.errors import UserError
from flows.loading import load

GOOD = """
name = "tiny"
seed = 3

[[tasks]]
generator = "saturn"
n = 3
k = 5
l = 5
count = 4

[teachers.t]
kind = "scripted"

[sample]
teacher = "t"
n = 2
"""

CASES = [json.loads(line) for line in (Path(__file__).parent / "recipe_mistakes.jsonl").read_text().splitlines()]


def _write(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_mistake_is_told_with_its_place_and_remedy(case: dict, tmp_path: Path) -> None:
    assert case["old"] in GOOD
    path = _write(tmp_path, GOOD.replace(case["old"], case["new"], 1))
    with pytest.raises(UserError) as told:
        load(path)
    for part in case["says"]:
        assert part in str(told.value)


def test_a_missing_recipe_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There is no recipe"):
        load(tmp_path / "absent.toml")


def test_overrides_reach_sections_and_lists(tmp_path: Path) -> None:
    path = _write(tmp_path, GOOD)
    resolved = load(path, ["sample.n=5", "tasks.0.count=9", "teachers.t.default=hello", "budget.tokens=100"])
    recipe = resolved.recipe
    assert (recipe.sample.n, recipe.tasks[0].count, recipe.budget.tokens) == (5, 9, 100)
    assert recipe.teachers["t"].default == "hello"  # type: ignore[union-attr]


@pytest.mark.parametrize("override", ["sample", "=3", "tasks.7.count=1", "name.x=1"])
def test_an_override_that_fits_nowhere_is_told(override: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--set"):
        load(_write(tmp_path, GOOD), [override])


def test_the_identity_changes_with_what_decides_the_rows_and_with_nothing_else(tmp_path: Path) -> None:
    path = _write(tmp_path, GOOD)
    version = load(path).version
    assert load(path, ["budget.tokens=5", "teachers.t.concurrency=3", "train.epochs=2"]).version == version
    for override in ("seed=4", "sample.n=3", "tasks.0.k=6", "dedup.exact=false", "export.test_fraction=0.5"):
        assert load(path, [override]).version != version


def test_an_input_file_is_part_of_the_identity(tmp_path: Path) -> None:
    problems = tmp_path / "problems.jsonl"
    section = '\n[[tasks]]\ngenerator = "problems"\npath = "problems.jsonl"\nsource = "s"\nlicense = "MIT"\n'
    path = _write(tmp_path, GOOD + section)
    with pytest.raises(UserError, match=r"problems\.jsonl"):
        load(path)
    problems.write_text('{"problem": "1+1?", "answer": "2"}\n')
    before = load(path).version
    problems.write_text('{"problem": "1+2?", "answer": "3"}\n')
    assert load(path).version != before
