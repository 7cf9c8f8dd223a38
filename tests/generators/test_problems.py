"""Imported problem sets: what can be read becomes a task, what cannot becomes a reject with its line."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.errors import UserError
from catalog.records import Reject, Task, to_table
from generators import rows
from generators.cells import REASONS
from generators.problem_tasks import MAX_PROMPT
from generators.problems import generate
from generators.saturn import generate as saturn_tasks
from generators.settings import ProblemsSettings, SaturnSettings

LINES = [json.loads(line) for line in (Path(__file__).parent / "problem_lines.jsonl").read_text().splitlines()]
WHOLE = b'{"problem": "p", "answer": "2"}\n'


def section(path=None, **more):
    return ProblemsSettings(generator="problems", path=path, **{"source": "mine", "license": "MIT", **more})


def read(path, **more):
    return list(generate(section(path.name, **more), path.parent))


def tasks(found):
    return [row for row in found if isinstance(row, Task)]


def rejects(found):
    return [row for row in found if isinstance(row, Reject)]


@pytest.mark.parametrize("case", LINES, ids=lambda case: case["name"])
def test_a_line_is_a_task_or_a_reject_with_its_reason(tmp_path, case):
    path = tmp_path / "set.jsonl"
    path.write_bytes(WHOLE + case["line"].encode() + b"\n" + WHOLE)
    first, row, last = read(path)
    assert isinstance(first, Task) and isinstance(last, Task)
    if case["reason"] is None:
        assert row.reference == case["reference"]
    else:
        assert (row.reason, row.row_id, row.row_kind, row.stage) == (case["reason"], "set.jsonl:2", "input", "tasks")
        assert row.detail and "\n" not in row.detail
        assert json.loads(row.evidence)["excerpt"] == case["line"][:200]
        assert row.reason in REASONS
    to_table(type(row), [row])


def test_bytes_that_are_no_text_are_a_reject_and_the_rest_goes_on(tmp_path):
    path = tmp_path / "set.jsonl"
    path.write_bytes(WHOLE + b'{"problem": "\xff\xfe", "answer": "2"}\n' + WHOLE)
    found = read(path)
    assert [r.reason for r in rejects(found)] == ["invalid_utf8"] and len(tasks(found)) == 2


def test_nesting_without_end_is_a_reject(tmp_path):
    path = tmp_path / "set.jsonl"
    path.write_bytes(WHOLE + b'{"problem": ' + b"[" * 100_000 + b"\n" + WHOLE)
    found = read(path)
    assert [(r.reason, r.detail) for r in rejects(found)] == [("invalid_json", "nested too deeply")]
    assert len(tasks(found)) == 2 and len(rejects(found)[0].evidence) < 300


def test_a_line_past_the_limit_is_skipped_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "MAX_LINE", 100)
    path = tmp_path / "set.jsonl"
    path.write_bytes(WHOLE + b"x" * 1000 + b"\n" + WHOLE + b"y" * 350)
    found = read(path)
    assert [(r.reason, r.row_id) for r in rejects(found)] == [("too_long", "set.jsonl:2"), ("too_long", "set.jsonl:4")]
    assert [t.source for t in tasks(found)] == ["mine#1", "mine#3"]


def test_a_prompt_past_the_limit_is_a_reject(tmp_path):
    path = tmp_path / "set.jsonl"
    long = [{"problem": "p" * size, "answer": "2"} for size in (MAX_PROMPT, MAX_PROMPT + 1)]
    path.write_text("\n".join(map(json.dumps, long)))
    found = read(path)
    assert len(tasks(found)) == 1 and [r.reason for r in rejects(found)] == ["too_long"]


def test_blank_lines_and_a_byte_order_mark_are_no_rows(tmp_path):
    path = tmp_path / "set.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + WHOLE + b"\n   \r\n" + WHOLE.replace(b"\n", b"\r\n"))
    assert [row.source for row in read(path)] == ["mine#1", "mine#4"]


def test_the_limit_counts_rows_broken_ones_included(tmp_path):
    path = tmp_path / "set.jsonl"
    path.write_bytes(b"broken\n" + WHOLE * 5)
    found = read(path, limit=3)
    assert (len(tasks(found)), len(rejects(found))) == (2, 1)


def test_columns_licence_source_difficulty_and_spec_are_kept_per_row(tmp_path):
    path = tmp_path / "set.jsonl"
    path.write_text(
        "\n".join(
            json.dumps({"q": f"q{i}", "a": str(i), "lic": lic, "level": level, "how": how})
            for i, (lic, level, how) in enumerate(
                [
                    ("MIT", 3, {"kind": "integer"}),
                    ("CC-BY-4.0", "Level 4", '{"kind": "set"}'),
                    ("MIT", "?", {}),
                    (None, 1, {}),
                ]
            )
        )
    )
    columns = {"prompt": "q", "reference": "a", "license": "lic", "difficulty": "level", "spec": "how"}
    found = read(path, columns=columns, domain="algebra")
    assert [(t.license, t.difficulty, t.spec, t.source) for t in tasks(found)] == [
        ("MIT", 3.0, '{"kind":"integer"}', "mine#1"),
        ("CC-BY-4.0", 4.0, '{"kind":"set"}', "mine#2"),
        ("MIT", None, "{}", "mine#3"),
    ]
    # A row of unknown licence is not taken under another one's.
    assert [(r.row_id, r.reason) for r in rejects(found)] == [("set.jsonl:4", "missing_value")]
    assert {t.domain for t in tasks(found)} == {"algebra"}


@pytest.mark.parametrize("form", ["jsonl", "jsonl.gz", "parquet"])
def test_the_same_rows_give_the_same_tasks_from_every_form(tmp_path, form):
    values = [{"problem": f"p{i}", "answer": str(i), "other": i} for i in range(600)]
    path = tmp_path / f"set.{form}"
    text = "\n".join(map(json.dumps, values)).encode()
    if form == "parquet":
        pq.write_table(pa.Table.from_pylist(values), path)
    else:
        path.write_bytes(gzip.compress(text, mtime=0) if form.endswith("gz") else text)
    found = read(path)
    assert [(t.prompt, t.reference, t.source) for t in found] == [
        (f"p{i}", str(i), f"mine#{i + 1}") for i in range(600)
    ]


def test_a_parquet_text_that_is_not_utf8_spoils_only_its_own_row(tmp_path):
    raw = pa.array([b"p", b"\xff", b"q"], pa.binary()).view(pa.string())
    path = tmp_path / "set.parquet"
    pq.write_table(pa.table({"problem": raw, "answer": pa.array(["1", "2", None])}), path)
    found = read(path)
    assert [type(row).__name__ for row in found] == ["Task", "Reject", "Reject"]
    assert [(r.row_id, r.reason) for r in rejects(found)] == [
        ("set.parquet:2", "invalid_utf8"),
        ("set.parquet:3", "missing_value"),
    ]


def test_a_folder_is_read_through_datasets(tmp_path):
    (tmp_path / "train.jsonl").write_bytes(WHOLE * 3)
    found = list(generate(section(dataset=str(tmp_path), split="train"), tmp_path))
    assert [t.source for t in found] == ["mine#1", "mine#2", "mine#3"]
    with pytest.raises(UserError, match="did you mean 'problem'"):
        list(generate(section(dataset=str(tmp_path), columns={"prompt": "problems"}), tmp_path))


def test_a_dataset_that_does_not_answer_is_the_users_to_mend(tmp_path):
    with pytest.raises(UserError, match="check its id, config and split"):
        list(generate(section(dataset="nobody/nothing-of-this-name"), tmp_path))


@pytest.mark.parametrize(
    ("name", "content", "more", "words"),
    [
        ("set.jsonl", WHOLE, {"columns": {"prompt": "problme"}}, r"no row .*'problme' .*did you mean 'problem'\?"),
        (
            "set.jsonl",
            WHOLE,
            {"columns": {"reference": "gold"}},
            r"columns\.reference\): the columns are 'problem', 'ans",
        ),
        ("set.jsonl", b"", {}, "set.jsonl has no rows"),
        ("set.csv", b"problem,answer", {}, r"give a file that ends in \.jsonl, \.jsonl\.gz or \.parquet"),
        ("set.jsonl.gz", b"no gzip", {}, "cannot be read"),
        ("set.jsonl.gz", gzip.compress(WHOLE * 9, mtime=0)[:-9], {}, "cannot be read after line"),
        ("set.parquet", b"no parquet", {}, "cannot be read as Parquet"),
        ("set.jsonl", WHOLE, {"columns": {"reference": None}}, "verifier 'math' but no reference"),
        ("set.jsonl", WHOLE, {"dataset": "a/b"}, "one of `path` and `dataset`"),
        ("set.jsonl", WHOLE, {"verifier": "sat", "columns": {"reference": None}}, "column 'n' .*SATURN's own"),
    ],
)
def test_what_the_user_has_to_mend_is_one_sentence(tmp_path, name, content, more, words):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"(?i){words}") as caught:
        read(path, **more)
    assert "\n" not in str(caught.value)


def test_a_missing_file_names_its_nearest_neighbour(tmp_path):
    (tmp_path / "problems.jsonl").write_bytes(WHOLE)
    with pytest.raises(UserError, match=r"There is no file .*problem\.jsonl; the folder has problems\.jsonl"):
        read(tmp_path / "problem.jsonl")


def test_a_column_that_turns_up_late_is_found(tmp_path):
    path = tmp_path / "set.jsonl"
    path.write_bytes(b'{"problem": "p"}\n' * 50 + WHOLE)
    found = read(path)
    assert (len(tasks(found)), len(rejects(found))) == (1, 50)


def test_a_file_of_nothing_but_broken_lines_is_all_rejects(tmp_path):
    path = tmp_path / "set.jsonl"
    path.write_bytes(b"{\n" * 5)
    assert [row.reason for row in read(path)] == ["invalid_json"] * 5


SAT = {"verifier": "sat", "domain": "sat", "columns": {"reference": "solution"}}
FORMULA = {"n": 2, "k": 3, "l": 3, "clause": "!A!C & A!B & BC", "solution": "110", "n_solutions": 2}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"l": None, "n_solutions": None}, None),
        ({"clause": None, "clauses": FORMULA["clause"]}, None),
        ({"solution": "111"}, "wrong_reference"),
        ({"solution": "11"}, "wrong_reference"),
        ({"solution": None}, "missing_value"),
        ({"l": 4}, "invalid_spec"),
        ({"n_solutions": 1}, "invalid_spec"),
        ({"n": 3}, "invalid_spec"),
        ({"k": 2}, "invalid_spec"),
        ({"k": 21}, "invalid_spec"),
        ({"k": "3"}, "invalid_spec"),
        ({"k": 10**30}, "invalid_spec"),
        ({"clause": "A!C | A!B"}, "invalid_spec"),
        ({"clause": ["A!C"]}, "invalid_spec"),
        ({"n": 1, "k": 1, "l": 2, "clause": "A & !A", "solution": "1", "n_solutions": 0}, "invalid_spec"),
    ],
)
def test_a_formula_that_does_not_hold_together_is_a_reject(tmp_path, change, reason):
    path = tmp_path / "sat.jsonl"
    path.write_text(json.dumps(FORMULA) + "\n" + json.dumps(FORMULA | change))
    _, row = read(path, **SAT)
    assert (row.reason if isinstance(row, Reject) else None) == reason
    if reason is None:
        assert json.loads(row.spec) == {
            "n": 2, "k": 3, "l": 3, "clauses": FORMULA["clause"], "n_solutions": 2
        }  # fmt: skip


def test_an_exported_saturn_task_comes_back_as_the_same_task(tmp_path):
    made = list(saturn_tasks(SaturnSettings(generator="saturn", n=3, k=5, l=13, count=20), 1, 0))
    path = tmp_path / "sat.jsonl"
    path.write_text("\n".join(json.dumps({"p": t.prompt, "r": t.reference, "s": t.spec}) for t in made))
    columns = {"prompt": "p", "reference": "r", "spec": "s"}
    found = read(path, verifier="sat", domain="sat", columns=columns)
    assert [t.task_id for t in found] == [t.task_id for t in made]
    assert [(t.structure, t.guess_rate, t.difficulty) for t in found] == [
        (t.structure, t.guess_rate, t.difficulty) for t in made
    ]
    without = read(path, verifier="sat", domain="sat", columns={"spec": "s", "reference": None})
    assert [t.reference for t in without] == [""] * 20 and [t.prompt for t in without] == [t.prompt for t in made]


@pytest.mark.parametrize(
    ("name", "more", "count"),
    [
        ("gsm8k_train.jsonl.gz", {"columns": {"prompt": "question", "reference": "gold"}}, 7473),
        ("math_test_prompts.parquet", {"columns": {"reference": "gold", "difficulty": "level"}}, 5000),
        ("math_benchmark_problems.parquet", {"columns": {"reference": "gold"}}, 1113),
        ("saturn_sat_train.jsonl.gz", SAT, 1580),
    ],
)
def test_real_problem_sets_come_in_whole(shared_data, name, more, count):
    found = read(shared_data / name, **more)
    assert len(tasks(found)) == len(found) == count
    assert all(t.prompt.strip() and t.reference.strip() for t in found)
    if name.startswith("math_test"):
        assert {t.difficulty for t in found} <= {1.0, 2.0, 3.0, 4.0, 5.0, None}
    if name.startswith("saturn"):
        assert all(0 < t.guess_rate < 1 and t.structure for t in found)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(["problem", "answer", "spec", "n", "k", "l", "clause", "clauses", "n_solutions", "level", "x"])


def _only_user_errors(path, **more):
    try:
        for row in read(path, **more):
            to_table(type(row), [row])
            assert isinstance(row, Task) or (row.reason in REASONS and len(row.evidence) < 2500)
    except UserError as error:
        assert str(error)


@given(st.lists(st.dictionaries(NAMES, JSON_VALUES).map(json.dumps) | st.text(max_size=30), max_size=5), st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_rows_make_it_raise_anything_but_a_user_error(tmp_path, lines, data):
    path = tmp_path / "set.jsonl"
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    columns = {
        "spec": data.draw(st.sampled_from([None, "spec"])),
        "difficulty": data.draw(st.sampled_from([None, "level"])),
    }
    _only_user_errors(path, verifier=data.draw(st.sampled_from(["math", "sat"])), columns=columns)


@given(st.binary(max_size=200), st.sampled_from(["set.jsonl", "set.jsonl.gz", "set.parquet", "set.txt"]))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_make_it_raise_anything_but_a_user_error(tmp_path, content, name):
    (tmp_path / name).write_bytes(content)
    _only_user_errors(tmp_path / name)


@given(st.data())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_is_read_or_is_the_users_to_mend(tmp_path, data):
    name = data.draw(st.sampled_from(["set.jsonl.gz", "set.parquet"]))
    path = tmp_path / name
    values = [{"problem": f"p{i}", "answer": str(i)} for i in range(20)]
    if name.endswith("parquet"):
        pq.write_table(pa.Table.from_pylist(values), path)
    else:
        path.write_bytes(gzip.compress("\n".join(map(json.dumps, values)).encode()))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))] if data.draw(st.booleans()) else content)
    _only_user_errors(path)
