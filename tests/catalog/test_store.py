"""Files of a store appear whole or not at all, on a disk or behind a URL, and one process at a time builds."""

import os
import signal
import subprocess
import sys
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path

import fsspec
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem
from hypothesis import given
from hypothesis import strategies as st

from catalog.errors import UserError
from catalog.ids import digest
from catalog.manifest import Manifest, library_versions
from catalog.records import KINDS, SCHEMA_VERSION, Reject
from catalog.store import Build, Store, default_store
from tests.catalog.sample_build import task, trace, verdict


class Bucket(DirFileSystem):
    """A local folder behind a protocol of its own: to the store, no file system of this machine."""

    protocol = "bucket"
    cachable = False  # each test has a folder of its own

    def __init__(self, path: str = "", **options) -> None:
        super().__init__(path=os.environ["REASONMILL_TEST_BUCKET"], fs=LocalFileSystem(), **options)

    @classmethod
    def _strip_protocol(cls, path):
        return path.removeprefix("bucket://").strip("/") if isinstance(path, str) else path


fsspec.register_implementation("bucket", Bucket, clobber=True)


@pytest.fixture(params=["local", "memory", "bucket"])
def store(request, tmp_path, monkeypatch) -> Store:
    match request.param:
        case "memory":
            return Store.open(f"memory://{digest(str(tmp_path))}/store")
        case "bucket":
            (tmp_path / "bucket").mkdir()
            monkeypatch.setenv("REASONMILL_TEST_BUCKET", str(tmp_path / "bucket"))
            return Store.open("bucket://store")
    return Store.open(tmp_path / "store")


def test_rows_come_back_as_they_were_written(store) -> None:
    build = store.build("sums", "v1")
    tasks = [task(i, difficulty=None if i % 2 else 0.5, prompt=f"naïve \x00 {i}\n") for i in range(5)]
    traces = [trace(of, 0, step_logprobs=[-0.5, -0.25], parent="r0") for of in tasks]
    build.write("tasks", "00000", tasks)
    build.write("traces", "00000", traces)
    build.write("verdicts", "00000", [verdict(made, "correct") for made in traces])
    build.write("rejects", "00000", [])
    assert build.read("tasks", "00000") == tasks
    assert build.read("traces", "00000") == traces
    assert build.read("rejects", "00000") == []
    assert build.parts("tasks") == ["00000"]
    assert build.parts("stages") == []


def test_parts_are_listed_replaced_removed_and_streamed_in_order(store) -> None:
    build = store.build("sums", "v1")
    for part in ("00010", "dedup-00000", "00002"):
        build.write("tasks", part, [task(int(part[-2:]))])
    assert build.parts("tasks") == ["00002", "00010", "dedup-00000"]
    assert list(build.iter_rows("tasks")) == [task(2), task(10), task(0)]
    assert list(build.iter_rows("tasks", "dedup-")) == [task(0)]
    build.write("tasks", "00002", [task(3), task(4)])
    assert build.read("tasks", "00002") == [task(3), task(4)]
    assert build.has("tasks", "00010")
    build.remove("tasks", "00010")
    build.remove("tasks", "00010")
    assert not build.has("tasks", "00010")
    assert build.parts("tasks") == ["00002", "dedup-00000"]
    with pytest.raises(FileNotFoundError):
        build.read("tasks", "00010")


def test_a_file_carries_its_fields_descriptions_and_schema_version(tmp_path) -> None:
    build = Store.open(tmp_path).build("sums", "v1")
    for kind, record in KINDS.items():
        build.write(kind, "00000", [])
        schema = pq.read_schema(f"{build.path}/{kind}/00000.parquet")
        assert schema.names == [field.name for field in fields(record)]
        assert all(field.metadata[b"description"] for field in schema)
        assert schema.metadata[b"reasonmill.schema_version"] == str(SCHEMA_VERSION).encode()


def test_the_same_rows_are_the_same_bytes(tmp_path) -> None:
    one, two = (Store.open(tmp_path / name).build("sums", "v1") for name in ("one", "two"))
    for build in (one, two):
        build.write("tasks", "00000", [task(i) for i in range(100)])
    assert Path(one.path, "tasks/00000.parquet").read_bytes() == Path(two.path, "tasks/00000.parquet").read_bytes()


@given(st.text(max_size=40))
def test_no_part_leaves_its_folder(tmp_path_factory, part) -> None:
    build = Store.open(tmp_path_factory.getbasetemp() / "parts").build("sums", "v1")
    try:
        build.write("rejects", part, [])
    except ValueError:
        return
    assert part in build.parts("rejects")
    build.remove("rejects", part)


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "a b", "naïve", "a\n"])
def test_a_name_that_is_no_folder_name_is_refused(tmp_path, name) -> None:
    with pytest.raises(UserError, match="cannot name a build"):
        Store.open(tmp_path).build(name, "v1")


def test_a_write_cut_off_leaves_the_part_that_stood(tmp_path, monkeypatch) -> None:
    build = Store.open(tmp_path).build("sums", "v1")
    build.write("tasks", "00000", [task(1)])

    def cut_off(*_) -> None:
        raise KeyboardInterrupt

    for step in ("fsync", "replace"):
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(os, step, cut_off)
            build.write("tasks", "00000", [task(2)])
        assert build.read("tasks", "00000") == [task(1)]
        assert os.listdir(f"{build.path}/tasks") == ["00000.parquet"]


def test_what_a_killed_writer_left_is_no_part_and_goes_with_the_next_lock(tmp_path) -> None:
    build = Store.open(tmp_path).build("sums", "v1")
    build.write("tasks", "00000", [task(1)])
    left = Path(build.path, "tasks", ".00001.parquet.123-abcd.tmp")
    left.write_bytes(b"PAR1 half")
    assert build.parts("tasks") == ["00000"]
    with build.lock():
        assert not left.exists()


def test_the_manifest_comes_back_and_is_never_half_written(store) -> None:
    build = store.build("sums", "v1")
    assert build.read_manifest() is None
    manifest = Manifest(
        name="sums",
        version="v1",
        recipe={"tasks": [{"k": 5}], "none": None},
        teachers={"tiny": "scripted@1"},
        started=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        counts={"sample": {"rows_in": 4}},
        exports={"rl": {"train": 3}},
        versions=library_versions(),
    )
    build.write_manifest(manifest)
    assert build.read_manifest() == manifest
    assert {"python", "pyarrow"} <= set(manifest.versions)


def test_a_damaged_manifest_is_told_by_its_path(tmp_path) -> None:
    build = Store.open(tmp_path).build("sums", "v1")
    build.write("tasks", "00000", [])
    Path(build.path, "manifest.json").write_text('{"name": "su')
    with pytest.raises(UserError, match=r"manifest\.json is damaged"):
        build.read_manifest()
    assert Store.open(tmp_path).builds() == [build]


def begun(store: Store, name: str, version: str, day: int) -> Build:
    build = store.build(name, version)
    build.write_manifest(
        Manifest(name=name, version=version, started=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(day))
    )
    return build


def test_a_build_is_found_by_name_by_version_and_by_path(store) -> None:
    newest, oldest = begun(store, "sums", "aa11", 2), begun(store, "sums", "ab22", 1)
    other = begun(store, "sat", "aa11", 3)
    assert store.builds() == [other, oldest, newest]
    assert store.find_build("sums") == newest
    assert store.find_build("sums@ab") == oldest
    assert store.find_build("sums@aa11") == newest
    for path in (oldest.path, f"{oldest.path}/", f"{oldest.path}/dataset/distill"):
        assert store.find_build(path) == oldest


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("smus", r"holds no build 'smus': the nearest are .*sums"),
        ("sums@ff", r"holds no build 'sums@ff': the nearest are sums, sums@a"),
        ("sums@a", r"'sums@a' may mean 2 builds .*aa11, ab22|ab22, aa11"),
        ("./nowhere", r"no folder of a build"),
        ("nothing-like-it", r"holds no build"),
    ],
)
def test_a_build_that_is_not_there_is_told_with_the_nearest(tmp_path, text, told) -> None:
    store = Store.open(tmp_path)
    begun(store, "sums", "aa11", 2)
    begun(store, "sums", "ab22", 1)
    with pytest.raises(UserError, match=told):
        store.find_build(text)


def test_an_empty_store_says_that_it_holds_no_builds(tmp_path) -> None:
    with pytest.raises(UserError, match="it holds no builds yet"):
        Store.open(tmp_path).find_build("sums")


def test_the_default_store_is_that_of_the_environment(monkeypatch) -> None:
    monkeypatch.delenv("REASONMILL_STORE", raising=False)
    assert default_store() == "./store"
    monkeypatch.setenv("REASONMILL_STORE", "memory://elsewhere")
    assert default_store() == "memory://elsewhere"


def test_a_place_that_cannot_be_written_is_refused_in_one_sentence(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file" / "store", tmp_path / "file"):
        with pytest.raises(UserError, match=f"{place}.*--store"):
            Store.open(place)
    with pytest.raises(UserError, match="nosuchprotocol"):
        Store.open("nosuchprotocol://bucket/store")


def test_a_store_on_a_read_only_disk_is_refused_for_work_and_can_be_read(tmp_path) -> None:
    store = Store.open(tmp_path / "store")
    store.build("sums", "v1").write("tasks", "00000", [task(1)])
    mount = ["mount", "--bind", "-o", "ro", store.root, store.root]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a disk can be made read-only by a test only where it may mount one (root)")
    try:
        with pytest.raises(UserError, match="cannot be written"):
            Store.open(store.root)
        build = Store.find(store.root).build("sums", "v1")
        assert build.read("tasks", "00000") == [task(1)]
        with pytest.raises(UserError, match=r"cannot be written \(Read-only file system\)"):
            build.write("tasks", "00001", [])
    finally:
        subprocess.run(["umount", "-l", store.root], check=True)


_HOLDER = """
import sys, time
from multiprocessing import get_context
from catalog.store import Store
if __name__ == "__main__":
    with Store.open(sys.argv[1]).build("sums", "v1").lock():
        get_context("fork").Process(target=time.sleep, args=(20,)).start()
        print("held", flush=True)
        time.sleep(20)
"""


def test_a_second_builder_is_told_who_builds_and_a_killed_one_is_no_obstacle(tmp_path) -> None:
    build = Store.open(tmp_path).build("sums", "v1")
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[2],
        start_new_session=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(UserError, match=rf"sums@v1 is in use by process {holder.pid} since 20\d\d-"), build.lock():
            pass
        with Store.open(tmp_path).build("sums", "v2").lock():
            pass
        holder.kill()  # its forked child lives on
        holder.wait()
        with build.lock():
            pass
    finally:
        os.killpg(holder.pid, signal.SIGKILL)
        holder.wait()


def test_the_same_process_cannot_hold_a_build_twice(store, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("REASONMILL_CACHE", str(tmp_path / "cache"))
    build = store.build("sums", "v1")
    with build.lock():
        with pytest.raises(UserError, match="in use by this process"), build.lock():
            pass
        with pytest.raises(UserError, match="in use by this process"), build.lock():
            pass
    with build.lock():
        build.write("rejects", "00000", [Reject("x:1", "input", "tasks", "broken", "", None, None, "{}")])
