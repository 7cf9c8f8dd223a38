"""The sections of a recipe: one way in to every source of tasks."""

import hashlib
import itertools
import json

import pytest

from catalog.errors import UserError
from catalog.records import Task, to_table
from generators.settings import AlgebraSettings, ProblemsSettings, SaturnSettings
from generators.tasks import fingerprint, generate


def problems(**more):
    return ProblemsSettings(generator="problems", **{"source": "mine", "license": "MIT", **more})


@pytest.fixture
def sections(tmp_path):
    (tmp_path / "set.jsonl").write_text(json.dumps({"problem": "p", "answer": "2"}) + "\n")
    return [
        SaturnSettings(generator="saturn", count=8),
        AlgebraSettings(generator="algebra", count=8),
        problems(path="set.jsonl"),
    ]


def test_every_kind_of_section_gives_tasks_that_a_store_can_hold(sections, tmp_path):
    found = [row for index, s in enumerate(sections) for row in generate(s, 1, index, tmp_path)]
    assert to_table(Task, found).num_rows == 17
    assert len({task.task_id for task in found}) == 17
    assert {task.license for task in found} == {"CC0-1.0", "MIT"}


def test_the_same_recipe_gives_the_same_tasks(sections, tmp_path):
    for section in sections:
        assert list(generate(section, 1, 0, tmp_path)) == list(generate(section, 1, 0, tmp_path))


def test_two_like_sections_of_a_recipe_have_no_task_in_common(tmp_path):
    section = SaturnSettings(generator="saturn", n=3, k=7, l=20, count=50)
    first, second = ({t.task_id for t in generate(section, 1, index, tmp_path)} for index in (0, 1))
    assert not first & second


def test_tasks_are_a_stream(tmp_path):
    endless = SaturnSettings(generator="saturn", n=3, k=9, l=30, count=10**9)
    assert len(list(itertools.islice(generate(endless, 1, 0, tmp_path), 3))) == 3


def test_the_fingerprint_is_the_files_content_or_names_the_dataset(sections, tmp_path):
    assert [fingerprint(section, tmp_path) for section in sections[:2]] == ["", ""]
    content = (tmp_path / "set.jsonl").read_bytes()
    assert fingerprint(sections[2], tmp_path) == hashlib.sha256(content).hexdigest()
    (tmp_path / "set.jsonl").write_bytes(content + b"\n")
    assert fingerprint(sections[2], tmp_path) != hashlib.sha256(content).hexdigest()
    of_hub = {fingerprint(problems(dataset="a/b", split=split), tmp_path) for split in ("train", "test")}
    assert len(of_hub) == 2 and all("a/b" in text for text in of_hub)


def test_the_fingerprint_of_a_missing_file_says_which(tmp_path):
    with pytest.raises(UserError, match=r"There is no file .*none\.jsonl"):
        fingerprint(problems(path="none.jsonl"), tmp_path)
