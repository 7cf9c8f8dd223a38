"""Whatever a file holds, `verify` gives one sentence or a verdict a row, never a traceback."""

import json
import subprocess
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.flows.conftest import command, reasonmill

GOOD = {"response": "\\boxed{1}", "reference": "1", "verifier": "math"}


def told(*arguments: str | Path) -> str:
    done = reasonmill("verify", *arguments)
    assert done.code == 2, done.err
    assert "Traceback" not in done.err
    assert done.err.startswith("reasonmill: ") and len(done.err.strip().splitlines()) == 1
    return done.err


def verdicts(file: Path, *arguments: str) -> list[str]:
    out = file.with_name("out.jsonl")
    done = reasonmill("verify", file, "-o", out, "--json", *arguments)
    assert done.code == 0, done.err
    assert "Traceback" not in done.err
    return [json.loads(line)["verdict"] for line in out.read_text().splitlines()]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.jsonl", b"", "has no rows"),
        ("blank.jsonl", b"\n \n\n", "has no rows"),
        ("columns.jsonl", b'{"answer": "1", "referense": "1"}\n', "no column 'response'"),
        ("near.jsonl", b'{"respons": "1", "reference": "1"}\n', "did you mean 'respons'"),
        ("unnamed.jsonl", b'{"response": "1", "reference": "1"}\n', "names a verifier"),
        ("name.jsonl", json.dumps(GOOD | {"verifier": "mth"}).encode(), "did you mean 'math'"),
        ("number.jsonl", json.dumps(GOOD | {"verifier": 7}).encode(), "names a verifier"),
        ("list.jsonl", b"[1, 2]\n", "line 1: not a JSON object"),
        ("utf8.jsonl", json.dumps(GOOD).encode() + b'\n{"response": "\xff\xfe"}\n', "line 2"),
        ("nul.jsonl", b"\x00\x00\x00\n", "line 1"),
        ("deep.jsonl", b"[" * 100_000 + b"\n", "line 1"),
        ("none.parquet", b"this is no Parquet", "not a whole Parquet"),
        ("cut.parquet", b"PAR1\x00\x00", "not a whole Parquet"),
        ("not.jsonl.gz", b"not gzip", "cannot be read"),
        ("cut.jsonl.gz", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab", "cannot be read"),
    ],
)
def test_a_file_that_is_none_is_told_in_one_sentence(name, content, says, tmp_path) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    assert says in told(file, "-o", tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()


def test_places_that_are_no_files_are_told_in_one_sentence(tmp_path) -> None:
    file = tmp_path / "good.jsonl"
    file.write_text(json.dumps(GOOD))
    assert "There is no file" in told(tmp_path, "-o", tmp_path / "out.jsonl")
    assert "There is no file" in told(tmp_path / "absent.jsonl", "-o", tmp_path / "out.jsonl")
    assert "cannot be written" in told(file, "-o", tmp_path)
    assert "cannot be written" in told(file, "-o", tmp_path / "absent" / "out.jsonl")
    assert "did you mean 'math'" in told(file, "-o", tmp_path / "out.jsonl", "--verifier", "maths")


def test_a_response_of_50_megabytes_is_judged(tmp_path) -> None:
    rows = [
        GOOD | {"response": "wait, " * 8_700_000 + "\\boxed{1}"},
        GOOD | {"response": "\\boxed{" + "1" * 50_000_000},
        {"response": "0" * 52_000_000, "reference": "", "verifier": "sat", "spec": {"k": 1, "clauses": "A"}},
    ]
    file = tmp_path / "huge.jsonl"
    with file.open("w") as lines:
        for row in rows:
            lines.write(json.dumps(row) + "\n")
    assert verdicts(file) == ["correct", "unparsable", "unparsable"]


ODD = [
    ("a null response", GOOD | {"response": None}, "unparsable"),
    ("a response that is a number", GOOD | {"response": 1}, "correct"),
    ("a response that is a list", GOOD | {"response": [{"role": "user"}]}, "unparsable"),
    ("NUL bytes", GOOD | {"response": "\x00\\boxed{\x00}\x00"}, None),
    ("half a surrogate pair", GOOD | {"response": "\ud800 \\boxed{1}"}, "correct"),
    ("half a surrogate pair as the answer", GOOD | {"response": "\\boxed{\udfff}"}, None),
    ("half a surrogate pair for algebra", GOOD | {"response": "\\boxed{x+\ud800}", "reference": "x+1"}, None),
    ("a null reference", GOOD | {"reference": None}, "bad_reference"),
    ("an empty reference", GOOD | {"reference": ""}, "bad_reference"),
    ("a missing spec", GOOD | {"verifier": "sat"}, "bad_reference"),
    ("a spec that is no JSON", GOOD | {"verifier": "sat", "spec": "{oops"}, "bad_reference"),
    ("a spec that is a list", GOOD | {"verifier": "sat", "spec": [1]}, "bad_reference"),
    ("a spec that is a number", GOOD | {"verifier": "math", "spec": 3}, "bad_reference"),
    ("a spec that nests", GOOD | {"verifier": "sat", "spec": "[" * 100_000}, "bad_reference"),
    ("a spec with NaN", GOOD | {"verifier": "sat", "spec": {"k": float("nan"), "clauses": "A"}}, "bad_reference"),
    ("a kind that is none", GOOD | {"spec": {"kind": "poem"}}, "bad_reference"),
]


def test_odd_rows_get_a_verdict_each(tmp_path) -> None:
    file = tmp_path / "odd.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for _, row, _ in ODD))
    for (name, _, expected), verdict in zip(ODD, verdicts(file), strict=True):
        if expected is None:
            assert verdict in ("wrong", "unparsable"), name
        else:
            assert verdict == expected, name


def test_odd_rows_that_parquet_cannot_hold_are_told_and_jsonl_holds_them(tmp_path) -> None:
    file = tmp_path / "odd.jsonl"
    file.write_text(json.dumps(GOOD | {"note": "\ud800"}) + "\n")
    assert "write JSONL" in told(file, "-o", tmp_path / "out.parquet")
    assert verdicts(file) == ["correct"]


def test_parquet_columns_of_other_types_get_a_verdict_each(tmp_path) -> None:
    file = tmp_path / "typed.parquet"
    columns = {"response": [b"\\boxed{1}", b"\xff"], "reference": [1, 2], "verifier": ["math", "math"]}
    pq.write_table(pa.table({**columns, "when": pa.array([0, 1], pa.timestamp("us"))}), file)
    assert verdicts(file) == ["correct", "unparsable"]


def test_a_parquet_file_without_rows_is_told(tmp_path) -> None:
    file = tmp_path / "none.parquet"
    pq.write_table(pa.table({"response": pa.array([], pa.string())}), file)
    assert "has no rows" in told(file, "-o", tmp_path / "out.jsonl")


WITHOUT_NAMESPACES = ["unshare", "-r", "sh", "-c", 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"', "sh"]
"""Runs a command where nobody may make namespaces: the sandbox reaches the level `filters` there."""


def test_programs_are_refused_below_the_level_that_is_asked(tmp_path: Path) -> None:
    if subprocess.run([*WITHOUT_NAMESPACES, "true"], capture_output=True).returncode != 0:
        pytest.skip("this machine cannot be made one without namespaces")
    spec = {"kind": "asserts", "asserts": ["assert double(2) == 4"]}
    row = {"response": "def double(x):\n    return 2 * x\n", "reference": "", "verifier": "code", "spec": spec}
    file, out = tmp_path / "programs.jsonl", tmp_path / "out.jsonl"
    file.write_text(json.dumps(row) + "\n")
    asked = [*WITHOUT_NAMESPACES, *command("verify", file, "-o", out)]
    refused = subprocess.run([*asked, "--sandbox", "namespaces"], capture_output=True, text=True)
    assert refused.returncode == 2, refused.stderr
    assert "reaches level 'filters' here and 'namespaces' is asked" in refused.stderr
    assert not out.exists()
    done = subprocess.run(asked, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(out.read_text())["verdict"] == "correct"
