"""Every row, kept or dropped, can say where it came from and where it went, also while its build runs."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from catalog import connect
from catalog.errors import UserError
from catalog.export import export
from catalog.journal import Journal
from catalog.lineage import show, why
from catalog.records import Reject
from catalog.settings import ExportSettings
from catalog.store import Build, Store
from tests.catalog.sample_build import finish, task, trace, verdict, write_shard
from tests.catalog.test_journal import completion

ANSWERED = completion("asked")
KEPT = task(1)
TWIN = task(2)
RIGHT = trace(KEPT, 0, completion_key=ANSWERED.key, thinking="Go \x1b[2Jon.\n\nStop.")
WRONG = trace(KEPT, 1, answer="It is \\boxed{7}.")
REVISED = trace(KEPT, 2, parent=WRONG.trace_id, origin="retro_search")
UNJUDGED = trace(KEPT, 3)


def build_at(folder: Path) -> Build:
    build = Store.open(folder).build("sums", "v1")
    journal = Journal.open(build.store)
    journal.append([replace(ANSWERED, task_id=KEPT.task_id)])
    journal.close()
    pairs = [(RIGHT, "correct"), (WRONG, "wrong"), (REVISED, "correct"), (UNJUDGED, None)]
    judged = [(made, verdict(made, says) if says else None) for made, says in pairs]
    write_shard(build, 0, [(KEPT, judged), (TWIN, [])])
    build.write(
        "rejects", "00000", [Reject(f"{KEPT.task_id}#4", "sample", "sample", "refused", "no", None, None, "{}")]
    )
    build.write(
        "rejects", "tasks-00000", [Reject("sums.jsonl:7", "input", "tasks", "broken_line", "", None, None, "{}")]
    )
    finish(build, {}, status="running")
    return build


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Build:
    """A build in the middle: one trace has no verdict yet, nothing is exported."""
    return build_at(tmp_path_factory.mktemp("running"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Build:
    """The same build when all is done: one task dropped as a duplicate, the dataset written."""
    running = build_at(tmp_path_factory.mktemp("finished"))
    duplicate = Reject(TWIN.task_id, "task", "dedup", "semantic", "alike", KEPT.task_id, 0.97, "{}")
    running.write("rejects", "dedup-00000", [duplicate])
    export(running, ExportSettings(test_fraction=0))
    finish(running, {})
    return running


def test_a_trace_tells_its_task_answer_verdict_and_place(finished) -> None:
    history = why(finished.store, RIGHT.trace_id)
    assert (history.id, history.kind) == (RIGHT.trace_id, "trace")
    assert history.completion is not None
    assert history.completion["text"] == ANSWERED.text
    (passage,) = history.passages
    assert (passage.build, passage.version, passage.status) == ("sums", "v1", "complete")
    assert passage.task is not None
    assert passage.task["source"] == KEPT.source
    assert [row["verdict"] for row in passage.verdicts] == ["correct"]
    places = {place.profile: place for place in passage.places}
    assert (places["distill"].split, places["distill"].absent) == ("train", "")
    assert places["preference"].column == "chosen_trace_id"
    assert places["rl"].column == "task_id"


def test_a_trace_that_was_left_out_tells_why(finished) -> None:
    (passage,) = why(finished.store, WRONG.trace_id).passages
    places = {place.profile: place for place in passage.places}
    assert places["distill"].absent.startswith("left out: wrong")
    assert places["preference"].column == "rejected_trace_id"


def test_parents_and_children_are_named(finished) -> None:
    (passage,) = why(finished.store, REVISED.trace_id).passages
    assert [row["trace_id"] for row in passage.ancestors] == [WRONG.trace_id]
    (passage,) = why(finished.store, WRONG.trace_id).passages
    assert [row["trace_id"] for row in passage.children] == [REVISED.trace_id]


def test_a_dropped_task_tells_its_twin_and_score_and_the_twin_what_it_stands_for(finished) -> None:
    (passage,) = why(finished.store, TWIN.task_id).passages
    (reject,) = [row for row in passage.rejects if row["stage"] == "dedup"]
    assert (reject["twin"], reject["score"]) == (KEPT.task_id, 0.97)
    assert {place.absent for place in passage.places} == {"dropped by dedup: semantic (alike)"}
    (passage,) = why(finished.store, KEPT.task_id).passages
    assert [row["row_id"] for row in passage.stands_for] == [TWIN.task_id]
    assert {row["trace_id"] for row in passage.traces} == {made.trace_id for made in (RIGHT, WRONG, REVISED, UNJUDGED)}
    assert f"{KEPT.task_id}#4" in {row["row_id"] for row in passage.rejects}


def test_a_running_build_answers_too(running) -> None:
    (passage,) = why(running.store, UNJUDGED.trace_id).passages
    assert (passage.status, passage.verdicts) == ("running", [])
    assert passage.places[0].absent == "nothing is exported yet: the build is running"
    assert "none yet" in why(running.store, UNJUDGED.trace_id).as_text()


def test_an_answer_that_no_shard_has_taken_up_is_known_by_its_journal(tmp_path) -> None:
    store = Store.open(tmp_path)
    journal = Journal.open(store)
    journal.append([ANSWERED])
    history = why(store, ANSWERED.key)
    journal.close()
    assert (history.kind, history.passages) == ("completion", [])
    assert history.completion is not None


def test_a_completion_tells_what_was_read_from_it(running) -> None:
    history = why(running.store, ANSWERED.key)
    assert [row["trace_id"] for row in history.passages[0].traces] == [RIGHT.trace_id]


def test_input_and_samples_that_never_became_a_row_are_known_by_their_rejects(running) -> None:
    history = why(running.store, "sums.jsonl:7")
    assert (history.kind, history.passages[0].rejects[0]["reason"]) == ("input", "broken_line")
    history = why(running.store, f"{KEPT.task_id}#4")
    assert history.kind == "sample"
    assert history.passages[0].task is not None


def test_a_row_of_two_builds_has_a_passage_in_each(finished, tmp_path) -> None:
    store = Store.open(shutil.copytree(finished.store.root, tmp_path / "store"))
    other = store.build("sums", "v2")
    write_shard(other, 0, [(KEPT, [(RIGHT, verdict(RIGHT, "wrong"))])])
    said = [[row["verdict"] for row in passage.verdicts] for passage in why(store, RIGHT.trace_id).passages]
    assert said == [["correct"], ["wrong"]]


def test_a_unique_beginning_is_enough(finished) -> None:
    with connect(finished.store) as con:
        assert why(con, RIGHT.trace_id[:12]).id == RIGHT.trace_id
        assert show(con, KEPT.task_id[:12]).id == KEPT.task_id


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("r", r"'r' is the beginning of several ids: give more of r"),
        ("rzz", r"No row's id begins with 'rzz': ids of tasks begin with t"),
        ("", r"beginning of several ids|No row's id begins"),
        ("' or 1=1 --", r"No row's id begins"),
        ("%", r"No row's id begins"),
    ],
)
def test_an_id_that_means_none_or_several_is_told(finished, text, told) -> None:
    with pytest.raises(UserError, match=told):
        why(finished.store, text)


@pytest.mark.parametrize("row", [RIGHT.trace_id, KEPT.task_id, ANSWERED.key, "sums.jsonl:7"])
def test_every_history_is_text_and_json_and_steers_no_terminal(finished, row) -> None:
    for told in (why(finished.store, row), show(finished.store, row)):
        assert row in told.as_text()
        assert "\x1b" not in told.as_text()
        assert json.loads(json.dumps(told.as_dict()))["id"] == row


def test_a_trace_is_shown_with_problem_thinking_answer_and_verdict(finished) -> None:
    text = show(finished.store, RIGHT.trace_id).as_text()
    for part in (KEPT.prompt, "Go \\x1b[2Jon.\n\nStop.", RIGHT.answer, "verdict: correct"):
        assert part in text
    assert ANSWERED.text in show(finished.store, ANSWERED.key).as_text()


def test_a_store_by_url_answers_like_one_on_disk() -> None:
    store = Store.open("memory://lineage/store")
    build = store.build("sums", "v1")
    write_shard(build, 0, [(KEPT, [(RIGHT, verdict(RIGHT, "correct"))])])
    export(build, ExportSettings(test_fraction=0))
    finish(build, {})
    (passage,) = why("memory://lineage/store", RIGHT.trace_id).passages
    assert {place.profile: place.split for place in passage.places}["distill"] == "train"
