"""Anyone can ask a store in SQL, before its first row, while a build runs, and wherever it lies."""

import os
import subprocess
import sys
import threading
from dataclasses import fields
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import catalog
from catalog import connect
from catalog.errors import UserError
from catalog.ids import digest
from catalog.journal import Journal
from catalog.records import KINDS
from catalog.store import Store
from tests.catalog.sample_build import dropped, finish, large, task
from tests.catalog.test_journal import completion

VIEWS = (*KINDS, "builds")


@pytest.fixture(params=["plain", "we[i]rd *st?re 'n", "memory"])
def store(request, tmp_path) -> Store:
    if request.param == "memory":
        return Store.open(f"memory://{digest(str(tmp_path))}/store")
    return Store.open(tmp_path / request.param)


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_has_its_columns_before_the_first_row(store, view) -> None:
    with connect(store) as con:
        found = con.execute(f"select * from {view}")
        columns = [column[0] for column in found.description]
        assert found.fetchall() == []
    if view == "completions":
        assert columns == [field.name for field in fields(KINDS[view])]
    else:
        assert columns[:2] == ["build", "version"]
        assert not any(column.endswith("_1") for column in columns), "two columns of one name"


def test_rows_of_all_builds_are_there_with_build_and_version_in_front(store) -> None:
    for name, version in (("one", "v1"), ("one", "v2"), ("two", "v1")):
        build = store.build(name, version)
        build.write("tasks", "00000", [task(1)])
        build.write("tasks", "00001", [task(2), task(3)])
        build.write("rejects", "dedup-00000", [dropped("t", "task")])
        finish(build, {})
    with connect(store) as con:
        assert con.execute("select build, version, count(*) from tasks group by all order by all").fetchall() == [
            ("one", "v1", 3),
            ("one", "v2", 3),
            ("two", "v1", 3),
        ]
        assert con.execute("select * exclude (build, version) from tasks where build = 'two'").fetchone() == tuple(
            getattr(task(1), field.name) for field in fields(KINDS["tasks"])
        )
        found = con.execute(
            "select build, status, seed, recipe->>'$.sample.teacher' from builds order by all"
        ).fetchall()
        assert found == [("one", "complete", 3, "tiny")] * 2 + [("two", "complete", 3, "tiny")]


def test_what_appears_after_connecting_is_seen_by_the_next_query(store) -> None:
    with connect(store) as con:
        assert con.execute("select count(*) from tasks").fetchone() == (0,)
        store.build("sums", "v1").write("tasks", "00000", [task(1)])
        assert con.execute("select count(*) from tasks").fetchone() == (1,)
        journal = Journal.open(store)
        journal.append([completion(1)])
        journal.close()
        row = con.execute("select * from completions").fetchone()
        assert row == tuple(getattr(completion(1), field.name) for field in fields(KINDS["completions"]))


def test_queries_never_fail_while_a_build_writes(tmp_path) -> None:
    store = Store.open(tmp_path)
    over = threading.Event()

    def write() -> None:
        journal = Journal.open(store)
        build = store.build("sums", "v1")
        for i in range(25):
            build.write("tasks", f"{i:05d}", [task(i)])
            build.write("rejects", "00000", [dropped(f"t{j}", "task") for j in range(i)])  # replaced while it is read
            journal.append([completion(i, text="long " * 5000)])
            finish(build, {}, status="running")
        journal.close()
        over.set()

    writer = threading.Thread(target=write)
    with connect(store) as con:
        writer.start()
        seen = 0
        while not over.is_set():
            for view in VIEWS:
                con.execute(f"select count(*) from {view}").fetchall()
            seen += 1
        writer.join()
        assert con.execute("select count(*) from tasks").fetchone() == (25,)
        assert con.execute("select count(*) from completions").fetchone() == (25,)
    assert seen


def test_a_part_of_an_older_schema_reads_beside_the_others(tmp_path) -> None:
    store = Store.open(tmp_path)
    build = store.build("sums", "v1")
    build.write("tasks", "00000", [task(1)])
    old = pq.read_table(f"{build.path}/tasks/00000.parquet").drop_columns(["license"])
    pq.write_table(old.append_column("gone", pa.array(["x"])), f"{build.path}/tasks/00001.parquet")
    with connect(store) as con:
        assert con.execute("select license from tasks order by 1").fetchall() == [("CC0-1.0",), (None,)]


def test_a_store_is_asked_by_path_by_environment_or_by_default(tmp_path, monkeypatch) -> None:
    large(tmp_path / "store", shards=1, tasks=3)
    for store in (tmp_path / "store", str(tmp_path / "store")):
        with connect(store) as con:
            assert con.execute("select count(*) from tasks").fetchone() == (3,)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REASONMILL_STORE", raising=False)
    with connect() as con:
        assert con.execute("select count(*) from traces").fetchone() == (12,)
    monkeypatch.setenv("REASONMILL_STORE", str(tmp_path / "none"))
    with pytest.raises(UserError, match="there is no store at"):
        connect()


def test_no_query_reaches_for_the_network(tmp_path) -> None:
    import duckdb

    Store.open(tmp_path)
    with connect(tmp_path) as con:
        for query in ("load httpfs", "select * from 'https://127.0.0.1:9/x.parquet'"):
            with pytest.raises(duckdb.Error) as told:
                con.execute(query).fetchall()
            assert "download" not in str(told.value).lower()


def test_the_package_loads_duckdb_only_for_those_who_connect() -> None:
    code = "import sys, catalog, catalog.store, catalog.journal; print('duckdb' in sys.modules); catalog.connect"
    root = Path(__file__).resolve().parents[2]
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, env={**os.environ})
    assert (ran.stdout, ran.returncode) == ("False\n", 0), ran.stderr
    with pytest.raises(AttributeError, match="nonsense"):
        catalog.nonsense  # noqa: B018
