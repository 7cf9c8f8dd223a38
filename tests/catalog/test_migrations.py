"""An older layout is brought up to date; a newer one, and a folder of other things, are left alone."""

import json
import threading
from pathlib import Path

import pytest

from catalog import migrations
from catalog.errors import UserError
from catalog.store import Store
from tests.catalog.sample_build import task


def layout(root: Path) -> int:
    return json.loads((root / "layout.json").read_text())["layout"]


def test_a_fresh_store_takes_every_step(tmp_path) -> None:
    Store.open(tmp_path / "deep" / "store")
    assert layout(tmp_path / "deep" / "store") == migrations.LAYOUT_VERSION == len(migrations.STEPS)
    Store.open(tmp_path / "deep" / "store")


def test_an_older_store_is_upgraded_when_opened_or_found_and_keeps_its_rows(tmp_path, monkeypatch) -> None:
    build = Store.open(tmp_path).build("sums", "v1")
    build.write("tasks", "00000", [task(1)])
    taken: list[int] = []
    steps = (*migrations.STEPS, lambda fs, root: taken.append(2), lambda fs, root: taken.append(3))
    monkeypatch.setattr(migrations, "STEPS", steps)
    monkeypatch.setattr(migrations, "LAYOUT_VERSION", len(steps))
    assert Store.find(tmp_path).build("sums", "v1").read("tasks", "00000") == [task(1)]
    assert layout(tmp_path) == 3
    Store.open(tmp_path)
    assert taken == [2, 3]


def test_an_upgrade_cut_off_goes_on_at_the_step_that_was_not_done(tmp_path, monkeypatch) -> None:
    Store.open(tmp_path)
    taken: list[str] = []

    def failing(fs, root) -> None:
        taken.append("failing")
        if taken.count("failing") == 1:
            raise KeyboardInterrupt

    steps = (*migrations.STEPS, lambda fs, root: taken.append("first"), failing)
    monkeypatch.setattr(migrations, "STEPS", steps)
    monkeypatch.setattr(migrations, "LAYOUT_VERSION", len(steps))
    with pytest.raises(KeyboardInterrupt):
        Store.open(tmp_path)
    assert layout(tmp_path) == 2
    Store.open(tmp_path)
    assert layout(tmp_path) == 3
    assert taken == ["first", "failing", "failing"]


def test_processes_that_open_a_store_at_once_take_each_step_once(tmp_path, monkeypatch) -> None:
    taken: list[int] = []
    steps = (*migrations.STEPS, lambda fs, root: taken.append(2))
    monkeypatch.setattr(migrations, "STEPS", steps)
    monkeypatch.setattr(migrations, "LAYOUT_VERSION", len(steps))
    threads = [threading.Thread(target=Store.open, args=(tmp_path / "store",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert taken == [2]
    assert layout(tmp_path / "store") == 2


def test_a_store_made_halfway_by_a_killed_process_is_finished(tmp_path) -> None:
    (tmp_path / "layout.json").write_text('{"layout": 0}')
    (tmp_path / "journal").mkdir()
    Store.open(tmp_path)
    assert layout(tmp_path) == migrations.LAYOUT_VERSION


def test_a_newer_layout_is_refused_and_not_touched(tmp_path) -> None:
    Store.open(tmp_path)
    (tmp_path / "layout.json").write_text('{"layout": 999}')
    for opened in (Store.open, Store.find):
        with pytest.raises(UserError, match="layout 999 and this version of reasonmill knows layouts up to"):
            opened(tmp_path)
    assert layout(tmp_path) == 999


@pytest.mark.parametrize("text", ["", "{", "[]", '{"layout": "one"}', '{"version": 1}'])
def test_a_damaged_layout_file_is_told_by_its_path(tmp_path, text) -> None:
    Store.open(tmp_path)
    (tmp_path / "layout.json").write_text(text)
    with pytest.raises(UserError, match=r"layout\.json is damaged|has layout 'one'"):
        Store.open(tmp_path)


def test_a_folder_of_other_things_does_not_become_a_store(tmp_path) -> None:
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(UserError, match="holds other files and is no store"):
        Store.open(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith(".")) == ["thesis.tex"]


def test_finding_a_store_makes_none(tmp_path) -> None:
    with pytest.raises(UserError, match="there is no store at"):
        Store.find(tmp_path / "none")
    assert not (tmp_path / "none").exists()
