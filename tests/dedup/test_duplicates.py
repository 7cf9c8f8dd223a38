"""Duplicates are found in one pass; what they point to is kept."""

import json
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from catalog.records import Reject, StageCount, Task
from dedup.duplicates import as_reject, duplicate_tasks, duplicate_traces, find_duplicate_tasks
from dedup.settings import DedupSettings
from dedup.stage import run
from tests.dedup.rows import task, trace

KEYS = DedupSettings()


def by_keys(texts: Sequence[str], structures: Sequence[str | None]) -> list[Task]:
    return [task(text, structure=key, number=at) for at, (text, key) in enumerate(zip(texts, structures, strict=True))]


rows = st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from([None, "s1", "s2", "s3"])), max_size=30).map(
    lambda pairs: by_keys([f"What is {text} + 1?" for text, _ in pairs], [key for _, key in pairs])
)


@given(rows)
def test_a_twin_is_always_a_kept_row_that_came_before(tasks: list[Task]) -> None:
    order = [row.task_id for row in tasks]
    duplicates = duplicate_tasks(tasks, KEYS)
    dropped = {duplicate.row_id for duplicate in duplicates}
    assert len(dropped) == len(duplicates)
    for duplicate in duplicates:
        assert duplicate.twin not in dropped
        assert order.index(duplicate.twin) < order.index(duplicate.row_id)


@given(rows)
def test_kept_rows_share_no_text_and_no_structure(tasks: list[Task]) -> None:
    dropped = {duplicate.row_id for duplicate in duplicate_tasks(tasks, KEYS)}
    kept = [row for row in tasks if row.task_id not in dropped]
    assert len({row.prompt for row in kept}) == len(kept)
    keys = [row.structure for row in kept if row.structure]
    assert len(set(keys)) == len(keys)


@given(st.permutations(["What is 1+1?", "what is 1 + 1", "What is 1+2?", "Name it.", "name it", "What is 1+1?  "]))
def test_which_texts_are_left_does_not_depend_on_their_order(texts: list[str]) -> None:
    tasks = by_keys(texts, [None] * len(texts))
    dropped = {duplicate.row_id for duplicate in duplicate_tasks(tasks, KEYS)}
    left = {row.prompt.casefold().replace(" ", "").rstrip("?.") for row in tasks if row.task_id not in dropped}
    assert left == {"whatis1+1", "whatis1+2", "nameit"} and len(dropped) == 3


def test_duplicates_are_found_while_the_stream_runs() -> None:
    def endless():
        number = 0
        while True:
            yield task("The same?", number=number)
            number += 1

    found = find_duplicate_tasks(endless(), KEYS)
    assert next(found).twin == next(found).twin


def test_what_is_switched_off_is_not_compared() -> None:
    tasks = by_keys(["a", "a", "b"], [None, None, None]) + by_keys(["c", "d"], ["s", "s"])
    assert {d.reason for d in duplicate_tasks(tasks, DedupSettings(exact=False))} == {"structural"}
    assert {d.reason for d in duplicate_tasks(tasks, DedupSettings(structural=False))} == {"exact"}


def test_one_structure_for_two_verifiers_is_two_tasks() -> None:
    tasks = [task("solve", structure="f", number=1), task("count", structure="f", verifier="count", number=2)]
    assert duplicate_tasks(tasks, KEYS) == []


def test_a_row_that_shares_a_text_with_a_dropped_row_points_to_the_kept_one() -> None:
    first, second, third = by_keys(["a", "b", "b"], ["s", "s", None])
    found = duplicate_tasks([first, second, third], KEYS)
    assert [(d.row_id, d.twin, d.reason) for d in found] == [
        (second.task_id, first.task_id, "structural"),
        (third.task_id, first.task_id, "structural"),
    ]
    assert found[1].evidence["exact_of"] == second.task_id


def test_a_repeated_id_drops_nothing() -> None:
    row = task("once")
    assert duplicate_tasks([row, row], KEYS) == []


def test_traces_of_one_task_are_compared_by_thinking_and_answer() -> None:
    traces = [trace("t", "so  x+1", "2."), trace("t", "So x + 1", "2"), trace("t", "so x-1", "2"), trace("t", "", "so")]
    found = duplicate_traces(traces)
    assert [(d.row_id, d.twin, d.reason) for d in found] == [(traces[1].trace_id, traces[0].trace_id, "exact_trace")]


def test_where_thinking_ends_tells_traces_apart() -> None:
    assert duplicate_traces([trace("t", "ab", "c"), trace("t", "a", "bc")]) == []


def test_the_stage_accounts_for_every_row() -> None:
    tasks = by_keys(["What is 1?", "what is 1", "What is 2?"], [None, None, None])
    traces = [
        trace(tasks[0].task_id, "one", "1"),
        trace(tasks[0].task_id, "One", "1"),
        trace(tasks[1].task_id, "one", "1"),
        trace(tasks[1].task_id, "other", "1"),
        trace(tasks[2].task_id, "two", "2"),
    ]
    out = list(run(iter(tasks), iter(traces), KEYS))
    rejects = [row for row in out if isinstance(row, Reject)]
    counts = [row for row in out if isinstance(row, StageCount)]
    assert [(row.unit, row.rows_in, row.rows_out, row.rejects) for row in counts] == [
        ("task", 3, 2, 1),
        ("trace", 5, 2, 3),
    ]
    assert [(row.row_id, row.row_kind, row.reason, row.twin) for row in rejects] == [
        (tasks[1].task_id, "task", "exact", tasks[0].task_id),
        (traces[1].trace_id, "trace", "exact_trace", traces[0].trace_id),
        (traces[2].trace_id, "trace", "duplicate_task", tasks[0].task_id),
        (traces[3].trace_id, "trace", "duplicate_task", tasks[0].task_id),
    ]


def test_a_reject_carries_score_twin_and_evidence() -> None:
    first, second = by_keys(["Same?", "same"], [None, None])
    (duplicate,) = duplicate_tasks([first, second], KEYS)
    reject = as_reject(duplicate, "task")
    assert (reject.stage, reject.score, reject.twin) == ("dedup", 1.0, first.task_id)
    assert json.loads(reject.evidence) == {"text": "same"}
