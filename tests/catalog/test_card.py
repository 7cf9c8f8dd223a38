"""What a dataset card promises: nothing but what the manifest and the counts say, in metadata that the Hub takes."""

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from catalog.card import card
from catalog.export import export
from catalog.facts import Facts, family, gather
from catalog.licenses import license_metadata
from catalog.manifest import Manifest
from catalog.profiles import PROFILES
from catalog.settings import ExportSettings
from catalog.store import Build
from catalog.toml_text import to_toml
from tests.catalog.sample_build import REVISION, dropped, finish, large, one_task, task, trace


def made(build: Build, *profiles: str) -> tuple[Manifest, Facts, str]:
    result = export(build, ExportSettings(profiles=profiles or tuple(PROFILES)))
    manifest = finish(build, result.checksums)
    facts = gather(build, Path(build.path) / "dataset")
    assert facts.rows == result.rows
    return manifest, facts, card(manifest, facts, "me/sums")


def header(text: str) -> dict:
    return yaml.safe_load(text.split("---\n")[1])


def test_the_header_names_a_configuration_a_profile_and_derives_the_rest(tmp_path):
    _, _, text = made(large(tmp_path))
    found = header(text)
    assert [config["config_name"] for config in found["configs"]] == list(PROFILES)
    assert found["configs"][0]["default"] is True
    assert found["configs"][0]["data_files"] == [
        {"split": "train", "path": "distill/train-*.parquet"},
        {"split": "test", "path": "distill/test-*.parquet"},
    ]
    assert found["size_categories"] == ["n<1K"]
    assert (found["license"], found["license_name"]) == ("other", "cc0-1.0-and-mit")
    assert "language" not in found


def test_one_licence_for_all_rows_is_the_datasets_licence(tmp_path):
    of = task(2)
    _, _, text = made(one_task(tmp_path, of, (trace(of, 0), "correct")))
    assert header(text)["license"] == "cc0-1.0"
    assert "license_name" not in header(text)


def test_the_card_tells_how_it_was_made_from_what_was_counted(tmp_path):
    build = large(tmp_path)
    twin = next(build.iter_rows("tasks")).task_id
    build.write("rejects", "dedup-00000", [dropped(twin, "task")])
    _, facts, text = made(build)
    assert f"| tiny | {REVISION} |" in text
    assert "| sample.temperature | 0.6 |" in text
    for (verifier, version, verdict), n in facts.verdicts.items():
        assert f"| {verifier} | {version} | {verdict} | {n} |" in text
    assert "| dedup | exact | 1 |" in text
    for (stage, reason), n in facts.rejects.items():
        assert f"| {stage} | {reason} | {n} |" in text
    for profile, shape in PROFILES.items():
        for field in shape.schema:
            assert f"| `{field.name}` |" in re.split(rf"### (?:.*, )?{profile}\b.*\n", text)[1]
    assert 'load_dataset("me/sums", "distill", split="train")' in text
    assert "reasonmill build recipe.toml" in text and "It reads sums.jsonl" in text
    assert "| set0 | MIT |" in text and "| set1 | CC0-1.0 |" in text
    assert "No decontamination" in text


def test_a_card_speaks_of_nothing_that_its_build_has_none_of(tmp_path):
    _, facts, text = made(large(tmp_path))
    for word in ("majority vote", "Retro-Search", "`parent`; ", "characters: no model", "Code that ran", "Hints in"):
        assert word not in text
    assert f"| rl | {facts.origins['rl'].rows} | 0 |" in text
    assert "The verifiers were not audited on tasks of this build." in text


def test_a_spec_that_only_looks_like_a_vote_is_none(tmp_path):
    """Promise: the id, made before the vote, tells; a spec with that word may be anybody's."""
    of = task(2, spec='{"consensus":{"min_share":0.5,"share":1.0}}')
    _, facts, text = made(one_task(tmp_path, of, (trace(of, 0), "correct")))
    assert facts.origins["distill"].voted == 0 and "majority vote" not in text


def test_a_profile_without_rows_is_said_to_be_empty_and_not_offered(tmp_path):
    of = task(2)
    _, _, text = made(one_task(tmp_path, of, (trace(of, 0), "wrong")), "distill", "rl")
    assert [config["config_name"] for config in header(text)["configs"]] == ["rl"]
    assert "Without rows, and so without files: `distill`" in text


def test_names_from_data_cannot_break_out_of_the_card(tmp_path):
    evil = "x | y\n---\nlicense: mit\n<script>alert(1)</script> `# [a](b)"
    of = task(2, source=evil, license=evil)
    manifest, facts, _ = made(one_task(tmp_path, of, (trace(of, 0), "correct")))
    text = card(manifest.model_copy(update={"teachers": {evil: evil}}), facts, "me/sums")
    assert header(text)["license"] == "other"
    assert "<script>" not in text and "\nlicense: mit" not in text.split("---\n", 2)[2]
    assert text.count("\n---\n") == 1


def test_guessable_rows_and_owed_rows_are_among_the_limits(tmp_path):
    of = task(2, guess_rate=0.75)
    build = one_task(tmp_path, of, (trace(of, 0), "correct"))
    manifest, facts, text = made(build, "rl")
    assert "1 in `rl`" in text and "pending when" not in text
    owed = replace(facts, stages={("sample", "sample"): {**facts.stages["export_rl", "task"], "pending": 3}})
    assert "3 rows were still pending" in card(manifest, owed, "me/sums")


LICENCES = [
    ([], {}),
    (["MIT"], {"license": "mit"}),
    (["Apache-2.0", "Apache-2.0 "], {"license": "apache-2.0"}),
    (["GPL-3.0-only"], {"license": "gpl-3.0"}),
    (["ODC-By-1.0"], {"license": "odc-by"}),
    (["MIT OR Apache-2.0"], {"license": "other", "license_name": "mit-or-apache-2.0"}),
    (["MIT", "CC-BY-4.0"], {"license": "other", "license_name": "cc-by-4.0-and-mit"}),
    (["", "MIT"], {"license": "other", "license_name": "mit-and-unknown"}),
    (["?!"], {"license": "other", "license_name": "unknown"}),
]


@pytest.mark.parametrize(("licenses", "expected"), LICENCES)
def test_the_licence_is_derived_from_the_rows(licenses, expected):
    assert license_metadata(licenses) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("gsm8k#12", "gsm8k"),
        ("set:2", "set:2"),
        ("algebra/sum/3", "algebra/sum/3"),
        ("MATH-500", "MATH-500"),
        ("saturn(3,5,6)", "saturn(3,5,6)"),
    ],
)
def test_sources_are_counted_without_their_row_numbers(source, expected):
    assert family(source) == expected


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
values = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(texts, values, max_size=5))
def test_a_recipe_written_as_toml_reads_back_the_same(recipe):
    assert tomllib.loads(to_toml(recipe)) == recipe


def test_what_a_recipe_leaves_unset_is_left_out_of_its_toml():
    recipe = {"a": None, "tasks": [{"limit": None, "columns": {"spec": None, "prompt": "q"}}]}
    assert tomllib.loads(to_toml(recipe)) == {"tasks": [{"columns": {"prompt": "q"}}]}
