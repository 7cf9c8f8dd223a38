"""Every verb of the command line does its work on real input and tells its user what is wrong with the input."""

import gzip
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from datasets import load_dataset, load_from_disk
from pysat.solvers import Cadical153

from catalog import connect
from catalog.store import Store
from tests.flows.conftest import reasonmill


@pytest.fixture
def built(teacher, recipe, tmp_path) -> tuple[Path, dict]:
    """A store with one finished build, and the build's summary."""
    store = tmp_path / "store"
    done = reasonmill("build", recipe(teacher.start().url, count=60), "--plain", "--store", store, "--json")
    assert done.code == 0, done.err
    return store, done.json


def test_a_build_is_a_dataset_whose_correct_rows_are_correct(built) -> None:
    store, build = built
    rows = load_from_disk(f"{build['dataset']}/distill")
    assert rows["train"].num_rows + rows["test"].num_rows == build["verdicts"]["correct"] - _dropped(store)
    with connect(str(store)) as con:
        judged = con.execute(
            "select verdict, extracted, spec from traces join tasks using (task_id) join verdicts using (trace_id)"
        ).fetchall()
    assert {verdict for verdict, *_ in judged} == {"correct", "wrong"}
    for verdict, answer, spec in judged:
        assert (verdict == "correct") == _satisfies(json.loads(spec), answer)


def _dropped(store: Path) -> int:
    """Correct traces that are duplicates of others."""
    with connect(str(store)) as con:
        rejects = "rejects join verdicts on row_id = trace_id"
        return con.execute(f"select count(*) from {rejects} where stage = 'dedup' and verdict = 'correct'").fetchall()[
            0
        ][0]


def _satisfies(spec: dict, answer: str) -> bool:
    """Asks a solver whether the assignment is a model of the formula."""
    clauses = []
    for text in spec["clauses"].split(" & "):
        clause, sign = [], 1
        for letter in text:
            if letter == "!":
                sign = -1
            else:
                clause.append(sign * (ord(letter) - 64))
                sign = 1
        clauses.append(clause)
    with Cadical153(bootstrap_with=clauses) as solver:
        return solver.solve([i + 1 if bit == "1" else -i - 1 for i, bit in enumerate(answer)])


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_sql_answers_in_every_format(form, built) -> None:
    asked = reasonmill("sql", "select count(*) as n from tasks", "--store", built[0], "--format", form)
    assert asked.code == 0, asked.err
    assert "60" in asked.out


def test_sql_writes_parquet(built, tmp_path) -> None:
    out = tmp_path / "out.parquet"
    query = "select * from verdicts"
    assert reasonmill("sql", query, "--store", built[0], "--format", "parquet", "-o", out).code == 0
    assert pq.read_table(out).num_rows == 120


@pytest.mark.parametrize("query", ["select nothing from tasks", "selct 1", "select * from trace"])
def test_a_broken_query_is_told_in_a_sentence(query, built) -> None:
    told = reasonmill("sql", query, "--store", built[0])
    assert told.code == 2 and "Traceback" not in told.err


def test_why_and_show_tell_of_kept_and_rejected_rows(built) -> None:
    store, _ = built
    with connect(str(store)) as con:
        [(kept,)] = con.execute("select trace_id from verdicts where verdict = 'correct' limit 1").fetchall()
        [(rejected,)] = con.execute("select row_id from rejects where reason = 'wrong' limit 1").fetchall()
    history = reasonmill("why", kept[:14], "--store", store)
    assert history.code == 0, history.err
    assert kept in history.out and "saturn" in history.out
    missing = reasonmill("why", rejected, "--store", store)
    assert missing.code == 0 and "wrong" in missing.out
    assert "boxed" in reasonmill("show", kept, "--store", store).out
    assert isinstance(reasonmill("why", kept, "--store", store, "--json").json, dict)
    assert reasonmill("why", "r00000000000", "--store", store).code == 2


def test_publishing_to_a_folder_gives_a_dataset_that_loads(built, tmp_path) -> None:
    store, build = built
    done = reasonmill("publish", "tested", "--to", f"{tmp_path}/published", "--store", store, "--json")
    assert done.code == 0, done.err
    rows = load_dataset(f"{tmp_path}/published", "distill", split="train", cache_dir=str(tmp_path / "cache"))
    assert rows.num_rows == build["rows"]["distill"]["train"]
    assert "CC0-1.0" in (tmp_path / "published" / "README.md").read_text().replace("cc0-1.0", "CC0-1.0")


def test_a_pilot_forecasts_and_the_build_reuses_its_answers(teacher, recipe, tmp_path) -> None:
    path, store = recipe(teacher.start().url, count=60), tmp_path / "store"
    priced = ("--set", "teachers.t.price_output=2.0")
    done = reasonmill("plan", path, "--store", store, "--pilot", "6", "--json", *priced)
    assert done.code == 0, done.err
    forecast = done.json
    assert (forecast["tasks"], forecast["samples"], forecast["pilot_tasks"]) == (60, 120, 6)
    assert len(teacher.answered()) == 6
    build = reasonmill("build", path, "--plain", "--store", store, "--json", *priced)
    assert build.code == 0, build.err
    assert len(teacher.answered()) == 60
    with connect(str(store)) as con:
        [(used,)] = con.execute("select sum(completion_tokens) from traces").fetchall()
    tokens = forecast["completion_tokens"]
    assert tokens["low"] * 0.9 <= used <= tokens["high"] * 1.1
    assert forecast["money"]["expected"] == pytest.approx(tokens["expected"] * 2e-6)


def test_a_dry_run_prints_the_resolved_recipe_and_asks_nobody(teacher, recipe, tmp_path) -> None:
    done = reasonmill("build", recipe(teacher.start().url), "--dry-run", "--json", "--store", tmp_path / "store")
    assert done.code == 0, done.err
    assert done.json["recipe"]["sample"]["temperature"] == 0.6
    assert done.json["status"] == "not begun"
    assert teacher.answered() == []


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz", "parquet"])
def test_the_stages_work_alone_on_files(suffix, teacher, recipe, tmp_path) -> None:
    path = recipe(teacher.start().url, count=12)
    names = {name: tmp_path / f"{name}.{suffix}" for name in ("tasks", "traces", "judged", "once")}
    store = ("--store", tmp_path / "store")
    assert reasonmill("tasks", path, "-o", names["tasks"], "--json").json["tasks"] == 12
    drawn = reasonmill("sample", names["tasks"], "-o", names["traces"], "--recipe", path, "--json", *store)
    assert drawn.code == 0, drawn.err
    assert drawn.json["traces"] == 24
    judged = reasonmill("verify", names["traces"], "-o", names["judged"], "--json")
    assert judged.code == 0, judged.err
    assert sum(judged.json["verdicts"].values()) == 24
    once = reasonmill("dedup", names["judged"], "-o", names["once"], "--column", "problem", "--json")
    assert once.code == 0, once.err
    assert once.json["rows"] == 12  # two traces of each problem
    again = reasonmill("sample", names["tasks"], "-o", names["traces"], "--recipe", path, "--json", *store)
    assert again.json["traces"] == 24
    assert len(teacher.answered()) == 12


def test_real_model_solutions_are_judged_from_a_file(shared_data, tmp_path) -> None:
    source = shared_data / "qwen_math_cot_verdicts.jsonl.gz"
    out = tmp_path / "judged.jsonl"
    done = reasonmill(
        "verify", source, "-o", out, "--verifier", "math", "--column", "reference=gold", "--json", timeout=200
    )
    assert done.code == 0, done.err
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    labels = [json.loads(line)["verdict"] for line in gzip.decompress(source.read_bytes()).splitlines()]
    assert len(rows) == len(labels) == 272
    agreeing = sum(label == (row["verdict"] == "correct") for label, row in zip(labels, rows, strict=True))
    assert agreeing >= 0.995 * len(labels)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["verify", "{absent}", "-o", "{out}"], "There is no file"),
        (["verify", "{empty}", "-o", "{out}", "--column", "respnse=x"], "did you mean response"),
        (["verify", "{other}", "-o", "{out}"], "no column 'response'"),
        (["verify", "{broken}", "-o", "{out}"], "line 2"),
        (["verify", "{unknown}", "-o", "{out}"], "did you mean 'math'"),
        (["sql", "select 1", "--format", "xml"], "--format cannot be 'xml'"),
        (["train", "nothing"], "no build 'nothing'"),
        (["publish", "nothing", "--to", "./x/"], "no build 'nothing'"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_wrong_input_is_told_in_one_sentence(arguments, says, tmp_path) -> None:
    files = {
        "empty": "",
        "other": '{"text": 1}\n',
        "broken": '{"response": "1", "reference": "1", "verifier": "math"}\n{oops\n',
        "unknown": '{"response": "1", "reference": "1", "verifier": "maths"}\n',
    }
    for name, text in files.items():
        (tmp_path / f"{name}.jsonl").write_text(text)
    places = {name: str(tmp_path / f"{name}.jsonl") for name in [*files, "absent", "out"]}
    filled = [argument.format(**places) if "{" in argument else argument for argument in arguments]
    if arguments[0] != "verify":
        Store.open(tmp_path / "store")
        filled += ["--store", str(tmp_path / "store")]
    told = reasonmill(*filled)
    assert told.code == 2
    assert says in told.err and "Traceback" not in told.err
    assert not (tmp_path / "out.jsonl").exists()


def test_doctor_says_what_this_machine_offers_and_what_a_recipe_lacks(teacher, recipe, tmp_path) -> None:
    path = recipe(teacher.start().url)
    here = reasonmill("doctor", "--store", tmp_path / "store", "--json")
    assert here.code == 0, here.err
    assert {"cpu", "memory", "gpu", "vllm", "sandbox", "store"} <= {finding["what"] for finding in here.json}
    teacher.kill()
    lacking = reasonmill("doctor", path, "--store", tmp_path / "store", "--json")
    assert lacking.code == 1
    assert [f["what"] for f in lacking.json if f["needed"] and not f["ok"]] == ["teacher t"]
