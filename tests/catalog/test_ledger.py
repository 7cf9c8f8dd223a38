"""Nothing vanishes: rows in are rows out, rejects and pending, and each reject is on disk."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import ledger
from catalog.errors import ConservationError
from catalog.records import Reject
from catalog.store import Build, Store

few = st.integers(0, 50)


def dropped(stage: str, number: int = 0) -> Reject:
    return Reject(f"t{number}", "task", stage, "exact", "", None, 1.0, "{}")


@pytest.fixture
def build(tmp_path) -> Build:
    """A build with a tasks stage, one finished shard, and dedup over the whole."""
    build = Store.open(tmp_path).build("sums", "v1")
    build.write("rejects", "tasks-00000", [dropped("tasks")])
    build.write(
        "stages", "tasks-00000", [ledger.count("tasks", 0, "input", rows_in=5, rows_out=4, rejects=1, seconds=0)]
    )
    build.write("stages", "tasks", [])
    build.write("rejects", "00000", [dropped("sample"), dropped("sample", 1)])
    build.write(
        "stages",
        "00000",
        [
            ledger.count("sample", 0, "sample", rows_in=8, rows_out=6, rejects=2, seconds=0),
            ledger.count("verify", 0, "trace", rows_in=6, rows_out=6, rejects=0, seconds=0),
        ],
    )
    build.write("rejects", "dedup-00000", [dropped("dedup")])
    build.write("rejects", "dedup-00001", [dropped("dedup")])
    build.write("stages", "dedup", [ledger.count("dedup", -1, "task", rows_in=4, rows_out=2, rejects=2, seconds=0)])
    return build


@given(rows_out=few, rejects=few, pending=few, off=st.integers(-5, 5))
def test_a_count_stands_only_if_every_row_is_accounted_for(rows_out, rejects, pending, off) -> None:
    numbers = {"rows_in": rows_out + rejects + pending + off, "rows_out": rows_out, "rejects": rejects}
    if off:
        told = rf"stage verify, shard 7: {numbers['rows_in']} trace rows went in.* = {rows_out + rejects + pending}$"
        with pytest.raises(ConservationError, match=told):
            ledger.count("verify", 7, "trace", **numbers, pending=pending, seconds=1.0)
    else:
        counted = ledger.count("verify", 7, "trace", **numbers, pending=pending, seconds=1.0)
        assert (counted.rows_in, counted.pending, counted.prompt_tokens) == (numbers["rows_in"], pending, 0)


def test_a_build_whose_rejects_are_all_on_disk_passes(build) -> None:
    ledger.check(build)


def test_the_rejects_of_an_unfinished_shard_are_not_held_against_it(build) -> None:
    build.write("rejects", "00001", [dropped("sample")])
    ledger.check(build)


@pytest.mark.parametrize(
    ("part", "rows", "told"),
    [
        ("00000", [dropped("sample")], "stage sample, part 00000: 2 rejects were counted, but 1 are on disk"),
        ("tasks-00000", [], "stage tasks, part tasks-00000: 1 rejects were counted, but 0 are on disk"),
        ("dedup-00001", [dropped("dedup")] * 2, "stage dedup, part dedup: 2 rejects were counted, but 3 are on disk"),
        ("00000", [dropped("verify")] * 2, "stage sample, part 00000: 2 rejects were counted, but 0 are on disk"),
    ],
)
def test_a_reject_too_few_or_too_many_stops_the_build(build, part, rows, told) -> None:
    build.write("rejects", part, rows)
    with pytest.raises(ConservationError, match=told):
        ledger.check(build)


def test_a_count_that_does_not_add_up_on_disk_is_found(build) -> None:
    (row,) = build.read("stages", "dedup")
    build.write("stages", "dedup", [type(row)(**{name: getattr(row, name) for name in row.__slots__} | {"rows_in": 9})])
    with pytest.raises(ConservationError, match="stage dedup, shard -1: 9 task rows went in"):
        ledger.check(build)
