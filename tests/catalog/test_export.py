"""What an export promises: who is in a profile and why not, one side a task, the same bytes, and files that load."""

import json
from collections import Counter
from pathlib import Path

import datasets
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import ledger
from catalog.errors import ConservationError
from catalog.export import export
from catalog.profiles import PROFILES, split_of
from catalog.profiles.attempts import DroppedRows
from catalog.profiles.distill import repetition
from catalog.settings import ExportSettings
from catalog.store import Build, Store
from tests.catalog.sample_build import dropped, large, one_task, task, trace, verdict, write_shard

ALL = tuple(PROFILES)


def run(build: Build, *profiles, **settings):
    return export(build, ExportSettings(profiles=profiles or ALL, **settings))


def load(build: Build, profile: str) -> datasets.DatasetDict:
    return datasets.load_from_disk(f"{build.path}/dataset/{profile}")


def rows(build: Build, profile: str) -> list[dict]:
    return [row for split in load(build, profile).values() for row in split]


def reasons(build: Build, profile: str) -> dict[str, str]:
    return {r.row_id: r.reason for r in build.iter_rows("rejects", f"export-{profile}-")}


def test_distill_holds_verified_right_and_whole_traces_and_says_why_others_are_out(tmp_path):
    of = task(2)
    right, wrong, cut = trace(of, 0), trace(of, 1), trace(of, 2, truncated=True, finish_reason="length")
    silent, unjudged = trace(of, 3), trace(of, 4)
    build = one_task(
        tmp_path, of, (right, "correct"), (wrong, "wrong"), (cut, "correct"), (silent, "unparsable"), (unjudged, None)
    )
    result = run(build, "distill")
    [row] = rows(build, "distill")
    assert row["trace_id"] == right.trace_id and row["task_id"] == of.task_id
    assert row["messages"] == [
        {"role": "user", "content": of.prompt},
        {"role": "assistant", "content": f"<think>\n{right.thinking}\n</think>\n\n{right.answer}"},
    ]
    assert (row["thinking"], row["answer"], row["teacher"]) == (right.thinking, right.answer, "tiny")
    assert reasons(build, "distill") == {
        wrong.trace_id: "wrong",
        cut.trace_id: "truncated",
        silent.trace_id: "unparsable",
        unjudged.trace_id: "unverified",
    }
    assert result.left_out["distill"] == {"truncated": 1, "unparsable": 1, "unverified": 1, "wrong": 1}


def test_an_answer_without_thinking_has_no_think_tags(tmp_path):
    of = task(2)
    made = trace(of, 0, thinking="")
    build = one_task(tmp_path, of, (made, "correct"))
    run(build, "distill")
    assert rows(build, "distill")[0]["messages"][1]["content"] == made.answer


def test_max_per_task_keeps_the_first_samples(tmp_path):
    of = task(2)
    made = [trace(of, sample) for sample in range(4)]
    build = one_task(tmp_path, of, *((m, "correct") for m in reversed(made)))
    run(build, "distill", max_per_task=2)
    assert [row["trace_id"] for row in rows(build, "distill")] == [m.trace_id for m in made[:2]]
    assert reasons(build, "distill") == {m.trace_id: "over_max_per_task" for m in made[2:]}


STRICT = [
    ({"finish_reason": "length"}, "not_finished"),
    ({"thinking": "a </think> b"}, "stray_delimiter"),
    ({"answer": " "}, "no_answer"),
    ({"thinking": "\n\n".join(["loop"] * 3 + list("abcdefg"))}, None),
    ({"thinking": "\n\n".join(["loop"] * 4 + list("abcdefg"))}, "repetition"),
]


@pytest.mark.parametrize(("changes", "reason"), STRICT)
def test_self_distill_is_strict_about_each_trace(tmp_path, changes, reason):
    of = task(2)
    made = trace(of, 0, **changes)
    build = one_task(tmp_path, of, (made, "correct"))
    run(build, "self_distill", "distill")
    assert reasons(build, "self_distill").get(made.trace_id) == reason
    assert len(rows(build, "self_distill")) == (0 if reason else 1)
    assert len(rows(build, "distill")) == 1


def test_self_distill_leaves_out_what_could_be_guessed_and_second_traces_with_the_same_answer(tmp_path):
    easy, hard = task(2, guess_rate=0.6), task(3, guess_rate=0.5)
    guess = trace(easy, 0)
    first, same, other = (trace(hard, i, answer=answer) for i, answer in enumerate(["\\boxed{6}"] * 2 + ["6"]))
    build = Store.open(tmp_path).build("two", "v1")
    pairs = [(made, verdict(made, "correct")) for made in (first, same, other)]
    write_shard(build, 0, [(easy, [(guess, verdict(guess, "correct"))]), (hard, pairs)])
    run(build, "self_distill")
    assert {row["trace_id"] for row in rows(build, "self_distill")} == {first.trace_id, other.trace_id}
    rejects = {r.row_id: r for r in build.iter_rows("rejects")}
    assert (rejects[guess.trace_id].reason, rejects[guess.trace_id].score) == ("guessable", 0.6)
    assert (rejects[same.trace_id].reason, rejects[same.trace_id].twin) == ("same_answer", first.trace_id)


def test_preference_pairs_the_shortest_right_trace_with_each_wrong_one(tmp_path):
    of = task(2)
    cut = trace(of, 0, completion_tokens=1, truncated=True)
    long, short = trace(of, 1, completion_tokens=90), trace(of, 2, completion_tokens=10)
    bad, worse, crashed = trace(of, 3), trace(of, 4, truncated=True), trace(of, 5)
    build = one_task(
        tmp_path,
        of,
        (cut, "correct"),
        (long, "correct"),
        (short, "correct"),
        (bad, "wrong"),
        (worse, "wrong"),
        (crashed, "crash"),
    )
    result = run(build, "preference")
    pairs = rows(build, "preference")
    assert {row["chosen_trace_id"] for row in pairs} == {short.trace_id}
    assert [(row["rejected_trace_id"], row["rejected_truncated"]) for row in pairs] == [
        (bad.trace_id, False),
        (worse.trace_id, True),
    ]
    assert pairs[0]["prompt"] == [{"role": "user", "content": of.prompt}]
    assert pairs[0]["chosen"][0]["role"] == pairs[0]["rejected"][0]["role"] == "assistant"
    assert reasons(build, "preference") == {
        cut.trace_id: "truncated",
        long.trace_id: "longer_than_chosen",
        crashed.trace_id: "crash",
    }
    assert (result.counts[0].rows_in, result.counts[0].rows_out, result.counts[0].rejects) == (6, 3, 3)


def test_a_trace_without_a_counterpart_makes_no_pair(tmp_path):
    of = task(2)
    made = [trace(of, sample) for sample in range(3)]
    build = one_task(tmp_path, of, *((m, "wrong") for m in made))
    run(build, "preference")
    assert rows(build, "preference") == []
    assert set(reasons(build, "preference").values()) == {"no_pair"}


def test_rl_has_a_row_a_task_with_the_measured_pass_rate(tmp_path):
    tried, untried, broken = task(2), task(3), task(4)
    made = [trace(tried, sample) for sample in range(5)]
    says = ["correct", "wrong", "wrong", "correct", "infrastructure"]
    fault = trace(broken, 0)
    build = Store.open(tmp_path).build("three", "v1")
    write_shard(
        build,
        0,
        [
            (tried, [(m, verdict(m, s)) for m, s in zip(made, says, strict=True)]),
            (untried, []),
            (broken, [(fault, verdict(fault, "bad_reference"))]),
        ],
    )
    build.write("rejects", "dedup-00000", [dropped(made[0].trace_id, "trace")])
    run(build, "rl")
    found = {row["task_id"]: row for row in rows(build, "rl")}
    assert set(found) == {tried.task_id, untried.task_id}
    row = found[tried.task_id]
    assert (row["pass_rate"], row["correct"], row["wrong"]) == (0.5, 2, 2)
    assert (row["verifier"], row["reference"], row["spec"]) == ("math", "4", "{}")
    assert found[untried.task_id]["pass_rate"] is None
    assert reasons(build, "rl") == {broken.task_id: "bad_reference"}


def test_rows_that_dedup_dropped_are_in_no_profile_and_in_no_count(tmp_path):
    gone, kept = task(2), task(3)
    lost, twin, stays = trace(gone, 0), trace(kept, 0), trace(kept, 1)
    build = Store.open(tmp_path).build("two", "v1")
    write_shard(
        build,
        0,
        [(gone, [(lost, verdict(lost, "correct"))]), (kept, [(m, verdict(m, "correct")) for m in (twin, stays)])],
    )
    build.write("rejects", "dedup-00000", [dropped(gone.task_id, "task"), dropped(twin.trace_id, "trace")])
    result = run(build, "distill", "rl")
    assert [row["trace_id"] for row in rows(build, "distill")] == [stays.trace_id]
    assert [row["task_id"] for row in rows(build, "rl")] == [kept.task_id]
    assert {c.stage: c.rows_in for c in result.counts} == {"export_distill": 1, "export_rl": 1}
    assert reasons(build, "distill") == {}


@given(st.lists(st.text(max_size=8), max_size=20), st.lists(st.text(max_size=8), max_size=20))
def test_dropped_rows_are_exactly_those_named(inside, asked):
    found = DroppedRows(inside)
    assert [row in found for row in asked] == [row in inside for row in asked]
    assert all(row in found for row in inside)


def test_the_newest_version_of_a_verifier_has_the_word(tmp_path):
    of = task(2)
    made = trace(of, 0)
    build = one_task(tmp_path, of, (made, "wrong"))
    build.write("verdicts", "00000", [verdict(made, "correct", version=2), verdict(made, "wrong", version=1)])
    run(build, "distill")
    assert len(rows(build, "distill")) == 1


def test_all_rows_of_a_task_are_in_one_split_and_the_share_is_kept(tmp_path):
    build = large(tmp_path, shards=5, tasks=80)
    run(build, test_fraction=0.2)
    side: dict[str, set[str]] = {}
    for profile in ALL:
        for split, part in load(build, profile).items():
            for task_id in part["task_id"]:
                side.setdefault(task_id, set()).add(split)
    assert all(len(splits) == 1 for splits in side.values())
    assert 0.12 < sum(splits == {"test"} for splits in side.values()) / len(side) < 0.28
    assert all(split_of(task_id, 0.2) in splits for task_id, splits in side.items())


def contents(folder: str) -> dict[str, bytes]:
    root = Path(folder)
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def test_the_same_rows_give_the_same_bytes_in_whatever_order_they_came(tmp_path):
    first, second = large(tmp_path / "a", order=0), large(tmp_path / "b", order=1)
    one, two = run(first), run(second)
    assert contents(f"{first.path}/dataset") == contents(f"{second.path}/dataset")
    assert one.checksums == two.checksums and set(one.checksums) == set(contents(f"{first.path}/dataset"))
    assert one.rows == two.rows and one.left_out == two.left_out


def test_a_fingerprint_follows_the_content(tmp_path):
    small, more = large(tmp_path / "a", shards=1), large(tmp_path / "b", shards=2)
    run(small, "distill")
    run(more, "distill")
    prints = [load(build, "distill")["train"]._fingerprint for build in (small, more)]
    assert prints[0] != prints[1] and len(prints[0]) == 16


def test_empty_splits_and_empty_profiles_load(tmp_path):
    of = task(2)
    build = one_task(tmp_path, of, (trace(of, 0), "wrong"))
    result = run(build, test_fraction=0)
    for profile in ALL:
        loaded = load(build, profile)
        assert {split: len(part) for split, part in loaded.items()} == result.rows[profile]
        assert loaded["test"].column_names == PROFILES[profile].schema.names
    assert load(build, "distill")["train"].num_rows == 0


def test_files_are_laid_out_as_the_library_lays_them_out(tmp_path):
    build = large(tmp_path)
    run(build, "distill")
    load(build, "distill").save_to_disk(tmp_path / "theirs")
    ours, theirs = Path(build.path) / "dataset/distill", tmp_path / "theirs"
    assert sorted(contents(str(ours))) == sorted(contents(str(theirs)))
    for name in ("dataset_dict.json", "train/state.json", "train/dataset_info.json"):
        mine, library = (json.loads((folder / name).read_text()) for folder in (ours, theirs))
        assert {k: v for k, v in mine.items() if k != "_fingerprint"} == {
            k: v for k, v in library.items() if k != "_fingerprint"
        }


def test_a_split_larger_than_a_file_or_a_batch_is_whole_and_in_order(tmp_path, monkeypatch):
    build = large(tmp_path, shards=4)
    run(build, "distill")
    before = rows(build, "distill")
    monkeypatch.setattr("catalog.arrow_dataset.BATCH_ROWS", 7)
    monkeypatch.setattr("catalog.arrow_dataset.FILE_BYTES", 20_000)
    run(build, "distill")
    assert len(list(Path(f"{build.path}/dataset/distill/train").glob("*.arrow"))) > 2
    assert rows(build, "distill") == before


def test_an_export_replaces_the_one_before(tmp_path, monkeypatch):
    monkeypatch.setattr("catalog.export.REJECTS_PER_PART", 50)
    build = large(tmp_path)
    run(build)
    assert len([p for p in build.parts("rejects") if p.startswith("export-distill-")]) > 2
    ledger.check(build)
    result = run(build, "distill", "rl", max_per_task=1)
    assert sorted(p.name for p in Path(f"{build.path}/dataset").iterdir()) == ["distill", "rl"]
    assert {c.stage for c in build.read("stages", "export")} == {"export_distill", "export_rl"}
    found = Counter((r.stage, r.reason) for r in build.iter_rows("rejects", "export-"))
    assert found == {("export_distill", reason): n for reason, n in result.left_out["distill"].items()}
    ledger.check(build)
    assert not list(Path(build.path).glob(".export-*"))


def test_a_failed_export_leaves_the_one_before(tmp_path):
    build = large(tmp_path)
    run(build)
    before = contents(build.path)
    stray = trace(task(10_000), 0)
    build.write("traces", "00002", [stray])
    with pytest.raises(ConservationError, match=stray.trace_id):
        run(build)
    after = contents(build.path)
    after["traces/00002.parquet"] = before["traces/00002.parquet"]
    assert after == before


def test_what_a_killed_export_left_is_cleared_away(tmp_path):
    build = large(tmp_path, shards=1)
    left = Path(build.path) / ".export-killed/dataset/distill"
    left.mkdir(parents=True)
    run(build)
    assert not left.exists()


def test_every_row_is_in_a_profile_or_among_its_rejects(tmp_path):
    build = large(tmp_path)
    result = run(build, max_per_task=1)
    traces = {r.trace_id for r in build.iter_rows("traces")}
    out = {profile: set(reasons(build, profile)) for profile in ALL}
    for profile in ("distill", "self_distill"):
        assert {row["trace_id"] for row in rows(build, profile)} == traces - out[profile]
    pairs = rows(build, "preference")
    assert {row[key] for row in pairs for key in ("chosen_trace_id", "rejected_trace_id")} == traces - out["preference"]
    assert all(c.rows_in == c.rows_out + c.rejects for c in result.counts)


def test_no_row_says_how_long_anything_took(tmp_path):
    assert not any(name in PROFILES[profile].schema.names for profile in ALL for name in ("wall_s", "ms", "seconds"))
    assert all(field.metadata[b"description"] for profile in ALL for field in PROFILES[profile].schema)


@pytest.mark.parametrize(
    ("text", "share"), [("", 0.0), ("a", 0.0), ("a\n\na", 0.5), ("a\n \n\nb\n\n a \n\nc", 0.25), ("a\na", 0.0)]
)
def test_repetition_is_the_share_of_paragraphs_seen_before(text, share):
    assert repetition(text) == share


def test_a_store_elsewhere_gets_the_same_dataset(tmp_path):
    here, there = large(tmp_path), large("memory://export-test/store")
    assert run(here).checksums == run(there).checksums
    run(there, "rl")
    names = sorted(p.removeprefix(there.path.removeprefix("memory:/")) for p in there.store.fs.find(there.path))
    assert [n for n in names if n.startswith("/dataset/") and not n.startswith("/dataset/rl/")] == []
    assert there.store.fs.exists(f"{there.path}/dataset/rl/train/state.json")
