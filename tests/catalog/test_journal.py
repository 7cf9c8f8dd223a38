"""The journal keeps what it was told, whatever happens to the process, the disk or the files."""

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import fsspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog import connect
from catalog.errors import UserError
from catalog.ids import digest
from catalog.journal import Journal
from catalog.journal_segments import LocalSegments
from catalog.records import Completion
from catalog.store import Store


def completion(number: int | str, **changes) -> Completion:
    made = Completion(
        key="c" + digest("test", number),
        task_id="t" + digest("task", number),
        stage="sample",
        sample=0,
        teacher="tiny",
        revision="scripted@1",
        params='{"temperature":0.6}',
        seed=2**63 - 1,
        max_tokens=100,
        text=f"answer {number}",
        finish_reason="stop",
        prompt_tokens=7,
        completion_tokens=50,
        mean_logprob=-0.25,
        step_logprobs=[-0.5, -0.125],
        wall_s=0.5,
        created=1.5e9,
    )
    return replace(made, **changes)


def journalled(store: Store, *groups: list[Completion]) -> Path:
    """Appends the groups, one call each, and gives the sealed segment."""
    before = set(segments(store))
    journal = Journal.open(store)
    for group in groups:
        journal.append(group)
    journal.close()
    (segment,) = set(segments(store)) - before
    return segment


def segments(store: Store) -> list[Path]:
    return [path for path in sorted(Path(store.root, "journal").glob("*.jsonl")) if not path.name.startswith(".")]


def found(store: Store, wanted: list[Completion], max_tokens: int = 100) -> list[Completion]:
    journal = Journal.open(store)
    held = journal.lookup([made.key for made in wanted], max_tokens)
    journal.close()
    return [held[made.key] for made in wanted if made.key in held]


@pytest.fixture
def store(tmp_path) -> Store:
    return Store.open(tmp_path / "store")


def test_what_was_appended_is_found_by_this_process_and_the_next(store) -> None:
    made = [completion(i) for i in range(500)]
    journal = Journal.open(store)
    assert journal.lookup([made[0].key], 100) == {}
    for i in range(0, 500, 50):
        journal.append(made[i : i + 50])
        wanted = made[: i + 50 : 7]
        assert journal.lookup([row.key for row in wanted], 100) == {row.key: row for row in wanted}
    journal.close()
    assert found(store, made) == made
    assert found(store, [completion("never asked")]) == []


def test_a_journal_that_nothing_was_appended_to_leaves_no_file(store) -> None:
    journal = Journal.open(store)
    journal.append([])
    journal.close()
    assert segments(store) == []


@pytest.mark.parametrize(
    ("held", "asked", "satisfies"),
    [
        ({"finish_reason": "stop", "completion_tokens": 50, "max_tokens": 100}, 100, True),
        ({"finish_reason": "stop", "completion_tokens": 50, "max_tokens": 100}, 1000, True),
        ({"finish_reason": "stop", "completion_tokens": 50, "max_tokens": 100}, 50, True),
        ({"finish_reason": "stop", "completion_tokens": 50, "max_tokens": 100}, 49, False),
        ({"finish_reason": "length", "completion_tokens": 100, "max_tokens": 100}, 100, True),
        ({"finish_reason": "length", "completion_tokens": 100, "max_tokens": 100}, 60, True),
        ({"finish_reason": "length", "completion_tokens": 100, "max_tokens": 100}, 101, False),
    ],
)
def test_raising_the_token_limit_redoes_only_what_was_cut_off(store, held, asked, satisfies) -> None:
    made = completion(1, **held)
    journalled(store, [made])
    assert found(store, [made], asked) == ([made] if satisfies else [])


def test_of_several_answers_the_finished_then_the_nearest_limit_then_the_oldest_is_taken(store) -> None:
    cut = completion(1, finish_reason="length", max_tokens=100, completion_tokens=100, text="cut at 100")
    longer = replace(cut, max_tokens=200, completion_tokens=200, text="cut at 200")
    again = replace(cut, text="cut at 100, asked again")
    journalled(store, [longer], [cut])
    journalled(store, [again])
    assert found(store, [cut], 80) == [cut]
    assert found(store, [cut], 150) == [longer]
    ended = replace(cut, finish_reason="stop", max_tokens=400, completion_tokens=90, text="ended")
    journalled(store, [ended])
    assert found(store, [cut], 95) == [ended]
    assert found(store, [cut], 80) == [cut]


def test_a_tail_torn_at_any_byte_loses_that_line_alone_and_is_no_damage(tmp_path) -> None:
    first = Store.open(tmp_path / "whole")
    kept, last = [completion(i) for i in range(3)], completion("last", text='"\\ \n\u2028 ünï €')
    segment = journalled(first, kept, [last])
    whole = segment.read_bytes()
    start = whole.rindex(b"\n", 0, -1) + 1
    store = Store.open(tmp_path / "torn")
    torn = Path(store.root, "journal", segment.name)
    for cut in range(start, len(whole)):
        torn.write_bytes(whole[:cut])
        torn.with_suffix(".idx").unlink(missing_ok=True)
        journal = Journal.open(store)
        assert list(journal.lookup([row.key for row in [*kept, last]], 100).values()) == kept, cut
        assert journal.damages == ()
        journal.close()
    with connect(store) as con:
        assert con.execute("select key from completions").fetchall() == [(row.key,) for row in [*kept, last]]
        torn.write_bytes(whole[:-2])
        assert con.execute("select key from completions").fetchall() == [(row.key,) for row in kept]


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_an_index_missing_short_or_corrupt_is_made_again(tmp_path_factory, data) -> None:
    store = Store.open(tmp_path_factory.mktemp("store"))
    made = [completion(i) for i in range(6)]
    segment = journalled(store, made[:3], made[3:])
    index = segment.with_suffix(".idx")
    good = bytearray(index.read_bytes())
    match data.draw(st.sampled_from(["missing", "short", "corrupt"])):
        case "missing":
            index.unlink()
        case "short":
            index.write_bytes(good[: data.draw(st.integers(0, len(good) - 1))])
        case "corrupt":
            good[data.draw(st.integers(0, len(good) - 1))] ^= data.draw(st.integers(1, 255))
            index.write_bytes(good)
    assert found(store, made) == made
    assert index.exists()
    assert found(store, made) == made


def test_a_segment_cut_shorter_than_its_index_is_read_again(store) -> None:
    made = [completion(i) for i in range(4)]
    segment = journalled(store, made)
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(b"".join(lines[:2]))
    assert found(store, made) == made[:2]


@pytest.mark.parametrize("broken", [b"{oops\n", b"[1]\n", b'{"key": "x"}\n', b"\0\0\0\n", b"\xff\xfe\n", b"\n"])
def test_a_damaged_line_is_reported_with_file_and_number_and_costs_no_other(store, broken, caplog) -> None:
    made = [completion(i) for i in range(4)]
    segment = journalled(store, made)
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(b"".join([*lines[:2], broken, *lines[3:]]))
    segment.with_suffix(".idx").unlink()
    journal = Journal.open(store)
    assert list(journal.lookup([row.key for row in made], 100)) == [made[i].key for i in (0, 1, 3)]
    assert [(Path(damage.segment), damage.line) for damage in journal.damages] == [(segment, 3)]
    assert f"{segment}, line 3" in caplog.text
    journal.close()
    with connect(store) as con:
        assert (
            con.execute("select count(*) from completions").fetchone() == (3,) if broken != b'{"key": "x"}\n' else True
        )


def test_a_text_damaged_under_a_good_index_is_not_taken_for_an_answer(store, caplog) -> None:
    made = [completion(i) for i in range(2)]
    segment = journalled(store, made)
    segment.write_bytes(segment.read_bytes().replace(b'"answer 0"', b'"answer"0"'))
    assert found(store, made) == [made[1]]
    assert made[0].key in caplog.text


def test_any_text_of_a_model_comes_back_and_one_that_utf8_cannot_hold_is_repaired(store) -> None:
    texts = ["", "\x00\x1b[2J\r\n\u2028", '"}\n{"key": "c"}', "\U0001f600", "x" * 300_000]
    made = [completion(i, text=text, mean_logprob=None, step_logprobs=None) for i, text in enumerate(texts)]
    lone = completion("lone", text="a\ud800b")
    pair = completion("pair", text="\ud83d\ude00")
    journalled(store, made, [lone, pair])
    assert found(store, made) == made
    assert [row.text for row in found(store, [lone, pair])] == ["a\ufffdb", "\U0001f600"]
    with connect(store) as con:
        rows = dict(con.execute("select key, text from completions").fetchall())
    assert [rows[row.key] for row in made] == texts


def test_threads_may_append_and_look_up_at_once(store) -> None:
    journal = Journal.open(store)
    made = [[completion(f"{thread}/{i}") for i in range(200)] for thread in range(4)]
    missing: list[str] = []

    def work(rows: list[Completion]) -> None:
        for row in rows:
            journal.append([row])
            if journal.lookup([row.key], 100) != {row.key: row}:
                missing.append(row.key)

    threads = [threading.Thread(target=work, args=(rows,)) for rows in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close()
    assert missing == []
    everything = [row for rows in made for row in rows]
    assert found(store, everything) == everything


def test_a_close_at_any_moment_of_a_commit_ends(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(LocalSegments, "group_s", 0.0005)
    for i in range(500):
        journal = Journal.open(Store.open(tmp_path / str(i)))
        journal.append([completion("a")])
        time.sleep(i % 10 / 10_000)
        closing = threading.Thread(target=journal.close, daemon=True)
        closing.start()
        closing.join(30)
        assert not closing.is_alive(), f"round {i}"


_APPENDER = """
import sys, itertools
from tests.catalog.test_journal import completion
from catalog.journal import Journal
from catalog.journal_segments import LocalSegments
from catalog.store import Store
journal = Journal.open(Store.open(sys.argv[1]))
for i in range(int(sys.argv[3])) if len(sys.argv) > 3 else itertools.count():
    made = completion(f"{sys.argv[2]}/{i}", text="long " * 3000)
    journal.append([made])
    print(made.key, flush=True)
journal.close()
"""


def appender(store: Store, name: str, *count: str) -> subprocess.Popen:
    root = Path(__file__).resolve().parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", _APPENDER, store.url, name, *count], stdout=subprocess.PIPE, text=True, cwd=root
    )


def test_every_append_that_returned_before_kill_9_is_found(store) -> None:
    printed: list[str] = []
    for life in range(4):
        running = appender(store, f"life {life}")
        assert running.stdout is not None
        lines = [running.stdout.readline() for _ in range(random.Random(life).randint(1, 400))]
        running.send_signal(signal.SIGKILL)
        lines += running.stdout.read().splitlines(keepends=True)
        running.wait()
        printed += [line.strip() for line in lines if line.endswith("\n")]
    journal = Journal.open(store)
    assert set(journal.lookup(printed, 100)) == set(printed)
    assert journal.damages == ()
    journal.close()


def test_two_processes_append_at_once_and_nothing_is_mixed_up(store) -> None:
    both = [appender(store, name, "300") for name in ("one", "two")]
    keys = [line.strip() for running in both for line in running.communicate(timeout=60)[0].splitlines()]
    assert [running.returncode for running in both] == [0, 0]
    assert len(keys) == 600
    journal = Journal.open(store)
    assert set(journal.lookup(keys, 100)) == set(keys)
    journal.close()
    assert len(segments(store)) == 2


def test_the_index_of_a_living_segment_is_left_to_its_owner(store) -> None:
    owner = Journal.open(store)
    made = [completion(i) for i in range(3)]
    owner.append(made)
    (segment,) = segments(store)
    other = Journal.open(store)
    assert list(other.lookup([row.key for row in made], 100).values()) == made
    other.close()
    owner.append([completion("later")])
    owner.close()
    assert found(store, [*made, completion("later")]) == [*made, completion("later")]
    assert [path.suffix for path in sorted(segment.parent.glob(f"{segment.stem}.*"))] == [".idx", ".jsonl"]


def test_merging_keeps_every_completion_and_survives_a_stop_at_any_step(store, monkeypatch) -> None:
    made = [[completion(f"{life}/{i}") for i in range(3)] for life in range(6)]
    for rows in made:
        journalled(store, rows)
    torn = segments(store)[2]
    torn.write_bytes(torn.read_bytes() + b'{"key": "c')
    everything = [row for rows in made for row in rows]
    reader = Journal.open(store)

    class Stop(BaseException):
        pass

    steps = 0
    for stop_at in range(40):
        copy = Store.open(Path(store.root).with_name(f"copy-{stop_at}"))
        shutil.copytree(store.root, copy.root, dirs_exist_ok=True)
        left = stop_at

        def step(real, *args, **kwargs):
            nonlocal left
            if left == 0:
                raise Stop
            left -= 1
            return real(*args, **kwargs)

        with monkeypatch.context() as patched:
            for name in ("replace", "unlink", "rename"):
                real = getattr(os, name)
                patched.setattr(os, name, lambda *a, _real=real, **k: step(_real, *a, **k))
            journal = Journal.open(copy)
            try:
                journal.compact(at_least=4)
                stopped = False
            except Stop:
                stopped = True
            journal.close()
        assert found(copy, everything) == everything
        again = Journal.open(copy)
        again.compact(at_least=4)
        again.close()
        assert len(segments(copy)) == 1
        with connect(copy) as con:
            assert con.execute("select count(*), count(distinct key) from completions").fetchone() == (18, 18)
        if not stopped:
            break
        steps += 1
    assert steps >= 6
    journal = Journal.open(store)
    journal.compact(at_least=4)
    journal.close()
    assert list(reader.lookup([row.key for row in everything], 100).values()) == everything
    reader.close()


def test_a_living_segment_is_not_merged(store) -> None:
    owner = Journal.open(store)
    owner.append([completion("alive")])
    for life in range(5):
        journalled(store, [completion(life)])
    journal = Journal.open(store)
    journal.compact(at_least=4)
    journal.close()
    assert len(segments(store)) == 2
    owner.append([completion("still alive")])
    owner.close()
    everything = [completion(name) for name in ("alive", "still alive", *range(5))]
    assert found(store, everything) == everything


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 256 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = shutil.which("mount") and os.geteuid() == 0
    if not mounted or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk]).returncode:
        pytest.skip("a disk can be filled by a test only where it may mount one (root)")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_a_full_disk_is_told_in_one_sentence_and_leaves_nothing_half_written(small_disk) -> None:
    store = Store.open(small_disk / "store")
    journal = Journal.open(store)
    kept: list[Completion] = []
    with pytest.raises(UserError, match=r"^disk full at .*\.jsonl: free space and run the same command again$"):
        for i in range(100):
            made = completion(i, text="x" * 10_000)
            journal.append([made])
            kept.append(made)
    assert len(kept) > 5
    (segment,) = segments(store)
    assert segment.read_bytes().endswith(b"\n")
    assert list(journal.lookup([row.key for row in kept], 100).values()) == kept
    journal.close()
    build = store.build("full", "v1")
    with pytest.raises(UserError, match="disk full at"):
        build.write("completions", "00000", [completion(i, text=os.urandom(20_000).hex()) for i in range(10)])
    assert [path for path in Path(build.path).rglob("*") if path.is_file()] == []
    assert found(store, kept) == kept


def test_object_storage_holds_a_commit_an_object_and_finds_all_again() -> None:
    store = Store.open(f"memory://{digest(os.urandom(8).hex())}/store")
    made = [completion(i) for i in range(20)]
    journal = Journal.open(store)
    for row in made[:10]:
        journal.append([row])
    assert list(journal.lookup([row.key for row in made], 100).values()) == made[:10]
    journal.close()
    journal = Journal.open(store)
    journal.append(made[10:])
    assert list(journal.lookup([row.key for row in made], 100).values()) == made
    journal.close()
    assert found(store, made) == made
    for path in store.fs.glob(f"{store.root}/journal/*.idx"):
        store.fs.rm_file(path)
    assert found(store, made) == made
    with connect(store) as con:
        assert con.execute("select count(*) from completions").fetchone() == (20,)


def test_an_object_that_could_not_be_stored_is_kept_and_stored_once_it_can_be(monkeypatch) -> None:
    store = Store.open(f"memory://{digest(os.urandom(8).hex())}/store")
    journal = Journal.open(store)
    memory = type(fsspec.filesystem("memory"))
    with monkeypatch.context() as broken:
        broken.setattr(memory, "pipe_file", lambda *a, **k: (_ for _ in ()).throw(ConnectionError("no route")))
        journal.append([completion(1)])
        with pytest.raises(ConnectionError):
            for i in range(10_000):
                journal.append([completion(f"more {i}")])
                threading.Event().wait(0.01)
        assert set(journal.lookup([completion(1).key], 100)) == {completion(1).key}
    journal.close()
    assert found(store, [completion(1)]) == [completion(1)]
