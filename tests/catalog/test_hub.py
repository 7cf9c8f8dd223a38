"""What publishing promises: one commit, files that `load_dataset` reads, faults survived or explained."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import datasets
import pyarrow.parquet as pq
import pytest

from catalog.errors import UserError
from catalog.export import export
from catalog.hub import publish
from catalog.settings import ExportSettings
from catalog.store import Build
from tests.catalog.hub_server import Fault, Hub, serve
from tests.catalog.remade_build import remade
from tests.catalog.sample_build import finish, large, one_task, task, trace

PUBLISH = """
import json, sys
from catalog import hub
from catalog.errors import UserError
from catalog.store import Store
hub.WAITS_S = (0.01, 0.01, 0.01)
try:
    done = hub.publish(Store.open(sys.argv[1]).find_build(sys.argv[2]), sys.argv[3])
except UserError as error:
    print(json.dumps({"error": str(error)}))
else:
    print(json.dumps({"place": done.place, "commit": done.commit, "rows": done.rows, "files": done.files}))
"""

LOAD = """
import json, sys
from datasets import get_dataset_config_names, load_dataset
repo = sys.argv[1]
found = {config: load_dataset(repo, config) for config in get_dataset_config_names(repo)}
print(json.dumps({
    config: {split: {"rows": len(part), "columns": part.column_names, "first": part[0]} for split, part in d.items()}
    for config, d in found.items()
}))
"""


def online(script: str, hub: Hub, home: Path, *arguments: str, token: str = "let-me-in") -> dict:
    """Runs a script in a process of its own: the library reads its environment once, when it is imported."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    env |= {"HF_ENDPOINT": hub.url, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(home), "HF_TOKEN": token}
    env |= {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], env=env, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def finished(store: Path, *profiles: str, **changes) -> Build:
    build = large(store, shards=2, tasks=20)
    result = export(build, ExportSettings(profiles=profiles or ("distill", "rl")))
    finish(build, result.checksums, exports=result.rows, **changes)
    return build


@pytest.fixture
def hub():
    with serve() as running:
        yield running


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_what_is_published_in_one_commit_is_read_back_by_load_dataset(tmp_path, hub):
    build = finished(tmp_path / "store")
    done = online(PUBLISH, hub, tmp_path / "home", str(tmp_path / "store"), "sums", "me/sums")
    repo = hub.repositories["me/sums"]
    assert len(repo.commits) == 2 and done["commit"] == repo.sha()  # the repository's own first, and ours
    assert done["place"] == f"{hub.url}/datasets/me/sums"
    assert set(repo.files) == {
        ".gitattributes",
        "README.md",
        "manifest.json",
        "recipe.toml",
        *(f"{profile}/{split}-00000-of-00001.parquet" for profile in ("distill", "rl") for split in ("train", "test")),
    }
    loaded = online(LOAD, hub, tmp_path / "home", "me/sums")
    for profile, splits in loaded.items():
        local = datasets.load_from_disk(f"{build.path}/dataset/{profile}")
        for split, found in splits.items():
            assert found["rows"] == len(local[split]) == done["rows"][profile][split]
            assert found["columns"] == local[split].column_names
            assert found["first"] == local[split][0]
    assert set(loaded) == {"distill", "rl"} and set(loaded["rl"]) == {"train", "test"}


ORIGINS = """
import json, sys
from datasets import get_dataset_config_names, load_dataset
found = {}
for config in get_dataset_config_names(sys.argv[1]):
    rows = [row for part in load_dataset(sys.argv[1], config).values() for row in part]
    masks = ("tool_output", "chosen_tool_output", "rejected_tool_output")
    pieces = [sum(len(row.get(name) or ()) for name in masks) for row in rows]
    found[config] = {
        "rows": len(rows),
        "voted": sum("votes" in json.loads(row["spec"]).get("consensus", {}) for row in rows),
        "revised": sum(row.get("origin") == "retro_search" and row["parent"] is not None for row in rows),
        "hinted": sum(row.get("origin") == "cort" and row["parent"] is not None for row in rows),
        "asked": sum(row.get("origin") == "cort" and row["parent"] is None for row in rows),
        "sampled": sum(row.get("origin") == "sampled" for row in rows),
        "with_output": sum(map(bool, pieces)),
        "outputs": sum(pieces),
        "shorter": sum(row.get("reason") == "shorter" for row in rows),
    }
print(json.dumps(found))
"""


def test_the_card_on_the_hub_says_of_votes_revisions_and_hints_what_a_reader_of_the_rows_counts(tmp_path, hub):
    build = remade(tmp_path / "store")
    result = export(build, ExportSettings(profiles=("distill", "preference", "rl")))
    audit = {"cases": 8, "false_accept": 0.01, "false_reject": 0.25}
    audit["limits"] = {"max_false_accept": 0.02, "max_false_reject": 0.3}
    tried = {"verifier": "math", "family": "paraphrase", "kind": "slash", "tried": 8, "faults": 2, "unjudged": 0}
    finish(build, result.checksums, exports=result.rows, audit=audit | {"lines": [tried | {"example": ""}]})
    online(PUBLISH, hub, tmp_path / "home", str(tmp_path / "store"), "remade", "me/remade")
    card = hub.repositories["me/remade"].files["README.md"].decode()
    seen = online(ORIGINS, hub, tmp_path / "home", "me/remade")
    assert (seen["rl"]["rows"], seen["rl"]["voted"], seen["distill"]["voted"]) == (8, 4, 7)

    def share(part, whole):
        return f"{part} ({part / whole:.1%})"

    d, p, rl = seen["distill"], seen["preference"], seen["rl"]
    assert (
        f"| distill | {d['rows']} | {share(d['voted'], d['rows'])} | {d['sampled']} | {d['asked']} | {d['hinted']} "
        f"| {d['revised']} | {d['with_output']} | {d['outputs']} |"
    ) in card
    assert (
        f"| preference | {p['rows']} | {share(p['voted'], p['rows'])} | - | - | - | - | {p['with_output']} "
        f"| {p['outputs']} |"
    ) in card
    assert f"| rl | {rl['rows']} | 4 (50.0%) | - | - | - | - | - | - |" in card
    assert d["outputs"] == 6 and d["revised"] == 3 and d["hinted"] == 2 and p["shorter"] == 3
    assert "`tool_output`" in card.split("## Sources")[0] and "3 in `preference`" in card
    assert "| partial | scripted@7 | revised | 3 | 60 | 21 |" in card
    assert "| engineered | scripted@7 | improved | 2 | 40 | 18 |" in card
    assert "| calculation | ok | 3 |" in card and "| calculation | timeout | 3 |" in card
    assert "2 compute, 1 opening" in card
    limits = card.split("## Known limits")[1]
    assert "majority vote of the teacher's own answers: 7 (" in limits and "not audited" not in limits
    assert "1.00% of mutants and junk (the limit is 2.00%) and 25.00% of right answers (the limit is 30.00%)" in card
    assert "| math | paraphrase | slash | 8 | 2 |" in card


def test_publishing_again_makes_a_commit_only_where_something_changed_and_removes_what_is_gone(tmp_path, hub):
    build, arguments = finished(tmp_path / "store"), (str(tmp_path / "store"), "sums", "me/sums")
    first = online(PUBLISH, hub, tmp_path / "home", *arguments)
    again = online(PUBLISH, hub, tmp_path / "home", *arguments)
    repo = hub.repositories["me/sums"]
    assert len(repo.commits) == 2 and again["commit"] == first["commit"]
    repo.commits[-1]["notes.txt"] = repo.commits[-1]["rl/notes.md"] = b"a reader's own"
    finish(build, export(build, ExportSettings(profiles=("rl",))).checksums)
    online(PUBLISH, hub, tmp_path / "home", *arguments)
    assert len(repo.commits) == 3 and repo.messages[-1].startswith("sums@v1: ")
    assert not any(name.startswith("distill/") for name in repo.files)
    assert {"rl/train-00000-of-00001.parquet", "notes.txt", "rl/notes.md"} <= set(repo.files)


def test_large_files_go_ahead_of_the_commit_and_are_not_sent_twice(tmp_path):
    finished(tmp_path / "store")
    with serve(lfs_from=6_000) as hub:
        hub.faults.append(Fault("POST", "/commit/", 403))
        arguments = (str(tmp_path / "store"), "sums", "me/sums")
        refused = online(PUBLISH, hub, tmp_path / "home", *arguments)
        assert "write access to me" in refused["error"]
        sent = [path for method, path in hub.requests if method == "PUT"]
        assert sent and len(hub.repositories["me/sums"].commits) == 1
        done = online(PUBLISH, hub, tmp_path / "home", *arguments)
        assert [path for method, path in hub.requests if method == "PUT"] == sent
        assert done["commit"] == hub.repositories["me/sums"].sha()


def test_a_busy_hub_is_asked_again(tmp_path, hub):
    finished(tmp_path / "store")
    hub.faults += [
        Fault("POST", "/api/repos/create", 429, headers={"Retry-After": "0"}),
        Fault("POST", "/api/repos/create", 503, times=2),
        Fault("POST", "/commit/", 429, headers={"Retry-After": "0"}),
    ]
    done = online(PUBLISH, hub, tmp_path / "home", str(tmp_path / "store"), "sums", "me/sums")
    assert len(hub.repositories["me/sums"].commits) == 2 and done["commit"]
    assert not any(fault.times for fault in hub.faults)


def test_what_the_hub_refuses_is_explained(tmp_path, hub):
    finished(tmp_path / "store")
    arguments = (str(tmp_path / "store"), "sums", "me/sums")
    denied = online(PUBLISH, hub, tmp_path / "home", *arguments, token="wrong")
    assert "HF_TOKEN" in denied["error"] and "hf auth login" in denied["error"]
    hub.faults.append(Fault("POST", "/api/repos/create", 404, times=9))
    assert "404" in online(PUBLISH, hub, tmp_path / "home", *arguments)["error"]
    hub.faults[:] = [Fault("POST", "/api/repos/create", 500, times=9)]
    assert "keeps answering 500" in online(PUBLISH, hub, tmp_path / "home", *arguments)["error"]
    assert hub.repositories == {}


def test_without_the_network_it_says_so(tmp_path):
    build = finished(tmp_path / "store")
    with pytest.raises(UserError, match="HF_HUB_OFFLINE"):  # as the tests' environment has it
        publish(build, "me/sums")


@pytest.mark.parametrize("status", ["running", "stopped", "failed"])
def test_a_build_that_is_not_complete_is_not_published(tmp_path, status):
    build = finished(tmp_path / "store", status=status)
    with pytest.raises(UserError, match=rf"sums@v1 is {status}.*reasonmill build"):
        publish(build, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_dataset_that_was_tampered_with_is_not_published(tmp_path):
    build = finished(tmp_path / "store")
    data = Path(build.path) / "dataset/rl/train/data-00000-of-00001.arrow"
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 1
    data.write_bytes(content)
    with pytest.raises(UserError, match="not as the export wrote it"):
        publish(build, tmp_path / "out")


def test_a_folder_gets_the_same_bytes_wherever_and_whenever(tmp_path):
    build = finished(tmp_path / "store")
    publish(build, tmp_path / "one")
    publish(build, tmp_path / "two/deep")
    assert contents(tmp_path / "one") == contents(tmp_path / "two/deep")
    assert not list(tmp_path.glob(".one-*"))


def test_a_folder_holds_what_the_profiles_hold(tmp_path):
    build = finished(tmp_path / "store")
    done = publish(build, tmp_path / "out")
    for profile, splits in done.rows.items():
        loaded = datasets.load_dataset(str(tmp_path / "out"), profile, cache_dir=str(tmp_path / "cache"))
        assert {split: len(part) for split, part in loaded.items()} == splits
        for split, rows in splits.items():
            [file] = (tmp_path / "out" / profile).glob(f"{split}-*.parquet")
            assert pq.read_table(file).num_rows == rows > 0
    assert json.loads((tmp_path / "out/manifest.json").read_text())["version"] == "v1"
    recipe = tomllib.loads((tmp_path / "out/recipe.toml").read_text())
    assert recipe["sample"]["temperature"] == 0.6 and recipe["tasks"][0]["columns"] == {"prompt": "q"}


def test_a_former_publication_is_replaced_and_anything_else_is_left_alone(tmp_path):
    build = finished(tmp_path / "store")
    publish(build, tmp_path / "out")
    finish(build, export(build, ExportSettings(profiles=("rl",))).checksums)
    publish(build, str(tmp_path / "out"))
    assert not (tmp_path / "out/distill").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").write_text("dear")
    with pytest.raises(UserError, match="no publication"):
        publish(build, tmp_path / "mine")
    assert contents(tmp_path / "mine") == {"letter.txt": b"dear"}


def test_profiles_and_splits_without_rows_are_not_published(tmp_path):
    of = task(2)
    build = one_task(tmp_path / "store", of, (trace(of, 0), "wrong"))
    result = export(build, ExportSettings(profiles=("distill", "rl"), test_fraction=0))
    finish(build, result.checksums)
    done = publish(build, tmp_path / "out")
    assert [name for name in done.files if name.endswith(".parquet")] == ["rl/train-00000-of-00001.parquet"]


def test_files_and_row_groups_are_bounded(tmp_path, monkeypatch):
    build = finished(tmp_path / "store", "distill")
    whole = publish(build, tmp_path / "whole")
    monkeypatch.setattr("catalog.arrow_dataset.BATCH_ROWS", 5)
    finish(build, export(build, ExportSettings(profiles=("distill",))).checksums)
    monkeypatch.setattr("catalog.publication.ROW_GROUP_ROWS", 10)
    monkeypatch.setattr("catalog.publication.FILE_BYTES", 20_000)
    publish(build, tmp_path / "pieces")
    files = sorted((tmp_path / "pieces/distill").glob("train-*.parquet"))
    assert len(files) > 1 and files[0].name == f"train-00000-of-{len(files):05d}.parquet"
    rows = [row for file in files for row in pq.read_table(file).to_pylist()]
    assert rows == pq.read_table(tmp_path / "whole/distill/train-00000-of-00001.parquet").to_pylist()
    assert len(rows) == whole.rows["distill"]["train"]


def test_a_password_in_a_server_address_is_not_published(tmp_path):
    build = finished(tmp_path / "store")
    manifest = build.read_manifest()
    manifest.recipe["teachers"]["tiny"]["url"] = "http://ann:s3cret@10.0.0.3:8000/v1"
    build.write_manifest(manifest)
    publish(build, tmp_path / "out")
    assert not any(b"s3cret" in data for data in contents(tmp_path / "out").values())
    assert b"http://10.0.0.3:8000/v1" in contents(tmp_path / "out")["recipe.toml"]


def test_a_store_elsewhere_is_published_too(tmp_path):
    build = finished("memory://publish-test/store")
    done = publish(build, tmp_path / "out")
    assert done.rows["rl"]["train"] + done.rows["rl"]["test"] == 40
