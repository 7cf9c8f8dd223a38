"""Traces learn to use code in builds and in files: kept where right and cheaper, recorded, masked, paid for once."""

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest
from datasets import load_from_disk
from transformers import AutoTokenizer

from catalog import connect
from catalog.models import resolve
from generators.cort.detect import COMPUTE
from generators.cort.hints import TEXTS
from tests.flows.conftest import command, dataset_bytes, reasonmill
from tests.flows.test_verify_input import WITHOUT_NAMESPACES
from trainers.rows import IGNORED, encode

RECIPE = """
name = "hinted"
seed = 5
shard_size = 4

[[tasks]]
generator = "problems"
path = "products.jsonl"
source = "products"
license = "CC0-1.0"

[teachers.t]
kind = "openai"
url = "{url}"
model = "scripted"
format = "chatml"
thinking = ["<think>", "</think>"]
concurrency = 8
retries = 2

[sample]
teacher = "t"

[hint]
teacher = "t"
strategy = "{strategy}"
controls = true
{more}

[dedup]
exact = false

[export]
test_fraction = 0.0
"""

BY_HAND = (
    "I need two products and their sum.\n\n"
    "4817 * 3929: 4800 * 3929 = 18,859,200 and 17 * 3929 = 66,793.\n\n"
    "18,859,200 + 66,793 = 18,925,993.\n\n"
    "1287 * 4411: 1287 * 4400 = 5,662,800 and 1287 * 11 = 14,157, so 5,662,800 + 14,157 = 5,676,957.\n\n"
    "So the sum is 18,925,993 + 5,676,957 = {sum}.\n"
)
END = "</think>\n\nThe answer is \\boxed{{{sum}}}."
CODE = "print(4817 * 3929 + 1287 * 4411)\n```\n"
RIGHT = "24602950"

ANSWERS = [
    (f"{RIGHT}\n```\n", f"So it is {RIGHT}.\n" + END.format(sum=RIGHT)),
    (TEXTS[COMPUTE], CODE),
    (TEXTS["opening"], "```python\n" + CODE),
    ("variant 5", (BY_HAND + END).format(sum="24602951")),
    ("4411?", (BY_HAND + END).format(sum=RIGHT)),
]


@pytest.fixture
def hinting(teacher, tmp_path):
    """Starts the teacher with recorded continuations, writes a recipe, and gives its path."""

    def write(*options: str, strategy: str = "both", more: str = "", count: int = 8) -> Path:
        answers = tmp_path / "answers.jsonl"
        answers.write_text("".join(json.dumps({"match": m, "text": t}) + "\n" for m, t in ANSWERS))
        url = teacher.start("--answers", str(answers), *options).url
        problem = "What is 4817 * 3929 + 1287 * 4411? (variant {})"
        rows = [{"problem": problem.format(i), "answer": RIGHT} for i in range(count)]
        (tmp_path / "products.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        path = tmp_path / "hinted.toml"
        path.write_text(RECIPE.format(url=url, strategy=strategy, more=more))
        return path

    return write


def build(path: Path, store: Path, *more: str):
    done = reasonmill("build", path, "--plain", "--store", store, "--json", *more)
    assert done.code == 0, done.err
    return done.json


def test_hinted_traces_are_right_cheaper_and_hold_their_calls(hinting, tmp_path) -> None:
    store = tmp_path / "store"
    summary = build(hinting(), store)
    with connect(str(store)) as con:
        rows = con.execute(
            "select h.reason, p.completion_tokens, t.completion_tokens, v.verdict, t.thinking, c.code, c.output, "
            "c.status, c.kind, c.start, c.end from hintings h join traces t on t.trace_id = h.trace_id "
            "join traces p on p.trace_id = h.parent join verdicts v on v.trace_id = t.trace_id "
            "join tool_calls c on c.trace_id = t.trace_id where strategy = 'engineered'"
        ).fetchall()
        spans = con.execute('select thinking, kind, start, "end" from hints join traces using (trace_id)').fetchall()
    assert len(rows) == 8
    assert sorted(row[0] for row in rows) == ["improved"] * 7 + ["rescued"]
    for reason, before, after, verdict, thinking, code, output, status, kind, start, end in rows:
        assert verdict == "correct" and (after < before or reason == "rescued")
        assert (code.strip(), output, status, kind) == (CODE.split("\n")[0], RIGHT, "ok", "calculation")
        assert thinking[start:end] == f"```output\n{RIGHT}\n```\n"
    assert spans and all(thinking[start:end] == TEXTS[kind] for thinking, kind, start, end in spans)
    counts = summary["hintings"]["counts"]
    assert (counts["improved"], counts["rescued"], counts["right_to_wrong"], counts["wrong_to_right"]) == (7, 1, 0, 1)
    assert counts["tokens_after"] < counts["tokens_before"]
    assert counts["without_hint"]["traces"] == counts["hinted"]["traces"] == 8
    assert counts["without_hint"]["with_code"] == 0
    assert counts["plain_tool_prompt"]["traces"] == counts["prompted"]["traces"] == 8


def test_no_token_of_tool_output_is_a_target_of_training(hinting, tmp_path) -> None:
    summary = build(hinting(), tmp_path / "store")
    tokenizer = AutoTokenizer.from_pretrained(resolve("smollm2-135m-instruct"))
    rows = load_from_disk(f"{summary['dataset']}/distill")["train"]
    with_output = [row for row in rows if row["tool_output"]]
    assert len(with_output) == 8  # one hinted trace a task is left by the filter
    for row in with_output:
        text = row["messages"][1]["content"]
        spans = [(span["start"], span["end"]) for span in row["tool_output"]]
        assert [text[start:end] for start, end in spans] == [f"```output\n{RIGHT}\n```\n"]
        ids, _ = encode(tokenizer, row["messages"], "chatml", 4096, spans)
        learned = tokenizer.decode(
            [t for t, label in zip(ids["input_ids"], ids["labels"], strict=True) if label != IGNORED]
        )
        assert "output" not in learned and "print(4817" in learned
        unmasked, _ = encode(tokenizer, row["messages"], "chatml", 4096)
        assert unmasked["input_ids"] == ids["input_ids"]


def test_rewards_of_traces_with_code_are_in_the_rl_profile(hinting, tmp_path) -> None:
    store = tmp_path / "store"
    summary = build(hinting(), store)
    with connect(str(store)) as con:
        stored = dict(con.execute("select trace_id, reward from rewards").fetchall())
        wrong = {t for (t,) in con.execute("select trace_id from verdicts where verdict = 'wrong'").fetchall()}
    assert set(stored.values()) == {1.0}
    told = {
        one["trace_id"]: one["reward"]
        for row in load_from_disk(f"{summary['dataset']}/rl")["train"]
        for one in row["rewards"]
    }
    assert {trace for trace, reward in told.items() if reward == 0.0} == wrong
    assert all(told[trace] == reward for trace, reward in stored.items() if trace in told)


def test_of_a_tasks_hinted_traces_one_trains_and_the_others_say_why_not(hinting, tmp_path) -> None:
    store = tmp_path / "store"
    summary = build(hinting(more="per_difficulty = 3"), store)
    with connect(str(store)) as con:
        reasons = dict(con.execute("select reason, count(*) from rejects where stage = 'rft' group by all").fetchall())
        one = con.execute("select row_id from rejects where reason = 'difficulty_full'").fetchone()[0]
    assert reasons == {"costlier_twin": 8, "difficulty_full": 5}
    rows = load_from_disk(f"{summary['dataset']}/distill")["train"]
    assert sum(row["origin"] == "cort" for row in rows) == 3
    assert "difficulty_full" in reasonmill("why", one, "--store", store).out


def test_of_equal_hinted_traces_the_one_that_trains_is_not_dropped_as_the_others_duplicate(hinting, tmp_path) -> None:
    path = hinting(more="n = 3", strategy="prompt")  # the recorded continuation is the same each time
    path.write_text(path.read_text().replace("exact = false", "exact = true"))
    summary = build(path, tmp_path / "store")
    rows = load_from_disk(f"{summary['dataset']}/distill")["train"]
    assert len({row["task_id"] for row in rows if row["origin"] == "cort"}) == 8


def test_kill_in_the_middle_of_hints_repeats_no_request_and_gives_the_same_bytes(hinting, teacher, tmp_path) -> None:
    path = hinting("--delay-ms", "40", count=40)
    whole = build(path, tmp_path / "whole")
    requests = {body for _, body in teacher.answered()}
    teacher.kill()
    teacher.log.unlink()
    teacher.start()
    store, kills = tmp_path / "killed", 0
    while kills < 4:
        before = len(teacher.answered())
        running = subprocess.Popen(
            command("build", path, "--plain", "--store", store), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while len(teacher.answered()) < before + 30 and running.poll() is None:
            time.sleep(0.005)
        if running.poll() is not None:
            break
        running.send_signal(signal.SIGKILL)
        running.wait()
        kills += 1
    resumed = build(path, store)
    answered = [body for _, body in teacher.answered()]
    assert kills >= 2
    assert set(answered) == requests
    assert len(answered) <= len(requests) + 8 * kills
    assert dataset_bytes(resumed["path"]) == dataset_bytes(whole["path"])


def test_below_the_level_of_the_sandbox_nothing_is_sampled(hinting, teacher, tmp_path) -> None:
    if subprocess.run([*WITHOUT_NAMESPACES, "true"], capture_output=True).returncode != 0:
        pytest.skip("this machine cannot be made one without namespaces")
    path = hinting(more='sandbox = "namespaces"')
    done = subprocess.run(
        [*WITHOUT_NAMESPACES, *command("build", path, "--plain", "--store", tmp_path / "store")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2, done.stderr
    assert "namespaces" in done.stderr and "Traceback" not in done.stderr
    assert teacher.answered() == []


@pytest.fixture
def traces(tmp_path) -> Path:
    rows = [
        {"id": i, "problem": f"What is 4817 * 3929 + 1287 * 4411? (variant {i})", "reference": RIGHT, "response": text}
        for i, text in enumerate(
            [(BY_HAND + END).format(sum=RIGHT), (BY_HAND + END).format(sum="7"), "Hm.\n</think>\n\n\\boxed{24602950}"]
        )
    ]
    path = tmp_path / "traces.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_file_of_traces_gets_hints_and_a_second_call_asks_nothing(hinting, teacher, traces, tmp_path) -> None:
    hinting()
    out = tmp_path / "out.jsonl"
    call = ("hint", traces, "-o", out, "--teacher", teacher.url, "--model", "m", "--store", tmp_path / "s", "--json")
    first = reasonmill(*call)
    assert first.code == 0, first.err
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["reason"] for row in rows] == ["improved", "rescued", "nothing_better"]
    for row in rows[:2]:
        (call_made,) = json.loads(row["tool_calls"])
        (span,) = row["tool_output"]
        assert call_made["output"] == RIGHT
        assert row["response"][span["start"] : span["end"]] == f"```output\n{RIGHT}\n```\n"
        assert row["response"].endswith(END.format(sum=RIGHT).split("\n\n")[1])
    assert rows[2]["response"] == "Hm.\n</think>\n\n\\boxed{24602950}" and not rows[2]["hinted"]
    asked = len(teacher.answered())
    assert reasonmill(*call).json == first.json
    assert len(teacher.answered()) == asked


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "--teacher"),
        (("--teacher", "embedded", "--strategy", "magic"), "hint.strategy"),
        (("--teacher", "embedded", "--set", "hint.cels=2"), "hint.cels"),
    ],
)
def test_wrong_input_is_told_in_one_sentence(traces, tmp_path, arguments, told) -> None:
    done = reasonmill("hint", traces, "-o", tmp_path / "out.jsonl", "--store", tmp_path / "store", *arguments)
    assert done.code == 2 and told in done.err, done.err
    assert "Traceback" not in done.err
