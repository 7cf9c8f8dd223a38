"""Code items go through the pool and the command like any other, and none is lost."""

import json
import os
import subprocess
import sys
import threading

import psutil

from catalog.records import VERDICTS
from verifiers.judge import Item
from verifiers.pool import Pool

SPEC = json.dumps({"kind": "asserts", "setup": "", "asserts": ["assert f(1) == 2"]})
RIGHT = Item("code", "```python\ndef f(x): return x + 1\n```", "", SPEC)
WRONG = Item("code", "```python\ndef f(x): return x\n```", "", SPEC)
LOOP = Item("code", "```python\ndef f(x):\n    while True: pass\n```", "", SPEC)
NONE = Item("code", "no idea", "", SPEC)
BROKEN = Item("code", RIGHT.response, "", "{")


def test_order_is_kept_among_programs_and_sums():
    items = [RIGHT, Item("math", "\\boxed{5}", "5", "{}"), WRONG, NONE, BROKEN, LOOP, RIGHT]
    with Pool(workers=2, deadline_s=2) as pool:
        verdicts = [j.verdict for j in pool.judge_many(items)]
    assert verdicts == ["correct", "correct", "wrong", "unparsable", "bad_reference", "timeout", "correct"]


def test_loops_in_the_queue_make_no_timeouts():
    with Pool(workers=4, deadline_s=1.5) as pool:
        verdicts = [j.verdict for j in pool.judge_many([LOOP] * 4 + [RIGHT] * 12)]
    assert verdicts == ["timeout"] * 4 + ["correct"] * 12


def test_several_threads_judge_at_once():
    found: list[str] = []
    with Pool(workers=2, deadline_s=10) as pool:
        work = lambda: found.extend(j.verdict for j in pool.judge_many([RIGHT, WRONG] * 5))  # noqa: E731
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(found) == ["correct"] * 20 + ["wrong"] * 20


def test_nothing_is_left_open_or_alive():
    def count() -> tuple[int, int]:
        return len(os.listdir("/proc/self/fd")), len(psutil.Process().children(recursive=True))

    items = [RIGHT, WRONG, Item("code", "```python\nimport os\nos._exit(0)\n```", "", SPEC)]
    with Pool(workers=1, deadline_s=5) as pool:
        pool.judge_many(items)
        before = count()
        pool.judge_many(items * 20)
        assert count() == before


def test_the_command_judges_a_file(tmp_path):
    rows = [
        {"id": "a", "response": RIGHT.response, "reference": "", "verifier": "code", "spec": json.loads(SPEC)},
        {"id": "b", "response": WRONG.response, "reference": None, "verifier": "code", "spec": SPEC},
        {"id": "c", "response": "```java\nclass A {}\n```", "reference": "", "verifier": "code", "spec": SPEC},
        {"id": "d", "response": RIGHT.response, "reference": "", "verifier": "code", "spec": None},
    ]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = [
        sys.executable,
        "-c",
        "from flows.cli import main; main()",
        "verify",
        "in.jsonl",
        "-o",
        "out.jsonl",
        "--json",
    ]
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": root})
    assert done.returncode == 0, done.stderr
    written = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["verdict"] for row in written] == ["correct", "wrong", "unparsable", "bad_reference"]
    assert all(row["verdict"] in VERDICTS and row["detail"] for row in written)
