"""The interpreter loop of one trace, against a real server and a real sandbox."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from generators.cort.fences import blocks
from generators.cort.loop import Continued, continue_all
from generators.cort.outputs import LOST, USED_UP
from generators.cort.traces import hinted
from tests.flows.test_programs import WITHOUT_NAMESPACES
from tests.generators.cort.traces import BOXED, THINKING, answers, one, outcomes, sandbox_processes, start, with_kit
from tests.generators.serving import ROOT, scripted_server, stats

CASES = [json.loads(line) for line in (Path(__file__).parent / "loop_cases.jsonl").read_text().splitlines()]
FIRST = "What is 6 * 7?\n<think>\n"


def test_code_runs_in_one_session_and_its_output_goes_into_the_thinking(tmp_path) -> None:
    lines = answers(
        tmp_path,
        (FIRST, "Compute.\n```python\nx = 6 * 7\nprint(x)\n```\nnever reached"),
        ("```output\n42\n```", "Again.\n```python\nprint(x + 1)\n```\n"),
        ("```output\n43\n```", "Fine.\n" + BOXED % 42),
    )
    with scripted_server(*lines) as url:
        done = one(url, tmp_path / "store")
    assert [call.output for call in done.calls] == ["42", "43"]
    made = hinted(done, THINKING, None)
    assert made.trace.answer == "The answer is \\boxed{42}."
    assert not made.trace.truncated
    assert "never reached" not in made.trace.thinking
    assert [made.text[s:e] for s, e in made.output_spans] == ["```output\n42\n```\n", "```output\n43\n```\n"]
    assert [call.kind for call in made.calls] == ["calculation", "calculation"]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_code_of_every_kind_has_its_status_and_the_trace_goes_on(case, tmp_path) -> None:
    steps = [(FIRST, case["text"]), *map(tuple, case.get("more", [])), ("`output\n", "Done.\n" + BOXED % 42)]
    if not case["statuses"]:  # what then looks like an output is the teacher's own
        steps.pop()
    with scripted_server(*answers(tmp_path, *steps)) as url:
        done = one(url, tmp_path / "store", cell_s=case.get("cell_s", 2.0))
    assert [call.status for call in done.calls] == case["statuses"]
    assert done.finish_reason == "stop"
    if done.calls:
        assert case["shows"] in done.calls[0].output
        assert len(done.calls[0].output) < 1000
    assert done.text.count("</think>") == 1
    assert len(done.completions) == 1 + len(case.get("more", [])) + len(done.calls)
    assert done.unclosed == case.get("unclosed", 0)
    spans = {(block.start, (block.end or 0) + 1) for block in blocks(done.text) if block.language == "output"}
    assert spans.issuperset((call.start, call.end) for call in done.calls)


def test_no_more_calls_than_allowed_and_the_trace_is_told(tmp_path) -> None:
    lines = answers(
        tmp_path,
        (FIRST, "```python\nprint(1)\n```\n"),
        ("\n1\n```\n", "More.\n```python\nprint(2)\n```\n"),
        (USED_UP, "More.\n```python\nprint(3)\n```\nand the end.\n" + BOXED % 42),
    )
    with scripted_server(*lines) as url:
        done = one(url, tmp_path / "store", calls=2)
    assert [call.output for call in done.calls] == ["1", "2"]
    assert done.text.count(USED_UP) == 1
    assert "print(3)" in done.text
    assert done.finish_reason == "stop"


def test_the_token_budget_is_cumulative(tmp_path) -> None:
    """Promise: answers and outputs together stay within the limit, whatever the number of requests."""
    with scripted_server("--default", "word " * 40 + "\n```python\nprint(1)\n```\n") as url:
        done = one(url, tmp_path / "store", max_tokens=300, calls=50)
    assert done.finish_reason == "length"
    assert hinted(done, THINKING, None).trace.truncated
    written = sum(completion.completion_tokens for completion in done.completions)
    assert written <= 300
    assert all(a.max_tokens > b.max_tokens for a, b in zip(done.completions, done.completions[1:], strict=False))


def test_a_higher_limit_redoes_only_what_was_cut_off(tmp_path) -> None:
    lines = answers(
        tmp_path,
        (FIRST, "```python\nprint(6 * 7)\n```\n"),
        ("\n42\n```\n", "```python\nprint(6 * 8)\n```\n"),
        ("\n48\n```\n", "so " * 60 + BOXED % 42),
    )
    with scripted_server(*lines) as url:
        cut = one(url, tmp_path / "store", max_tokens=70)
        asked = stats(url)["requests"]
        whole = one(url, tmp_path / "store", max_tokens=700)
        assert stats(url)["requests"] == asked + 1
    assert (cut.finish_reason, whole.finish_reason) == ("length", "stop")
    assert cut.calls == whole.calls


def test_a_trace_that_ends_at_the_limit_by_itself_is_not_cut_off(tmp_path) -> None:
    """The teacher's count of an output may pass the limit while it writes its last words."""
    lines = answers(tmp_path, (FIRST, "```python\nprint('a ' * 190)\n```\n"), ("`output\n", BOXED % 42))
    with scripted_server(*lines) as url:
        done = one(url, tmp_path / "store", max_tokens=150)
    assert done.calls[0].tokens > 150
    assert done.finish_reason == "stop"


def test_a_cell_that_had_to_be_killed_is_told_to_the_next(tmp_path) -> None:
    lines = answers(
        tmp_path,
        (FIRST, "```python\nx = 5\nimport os\nos._exit(3)\n```\n"),
        ("the interpreter ended", "Again.\n```python\nprint(x)\n```\n"),
        (LOST, BOXED % 42),
    )
    with scripted_server(*lines) as url:
        done = one(url, tmp_path / "store")
    assert [call.status for call in done.calls] == ["crash", "exception"]
    assert done.calls[1].lost
    assert done.calls[1].output.startswith(f"{LOST}\n")


def test_a_run_repeated_asks_nothing_and_runs_nothing(tmp_path) -> None:
    """Promise: the journal holds answers and outputs, so a restart renders the same prefixes."""
    draw = "```python\nimport secrets\nprint(secrets.token_hex(8))\n```\n"
    with scripted_server(*answers(tmp_path, (FIRST, draw), ("output\n", BOXED % 42))) as url:
        first = one(url, tmp_path / "store")
        asked = stats(url)["requests"]
        second = one(url, tmp_path / "store")
        assert stats(url)["requests"] == asked
    assert second.text == first.text
    assert second.calls == first.calls


def test_after_a_restart_the_cells_run_again_once_before_the_first_live_one(tmp_path) -> None:
    steps = [(FIRST, "```python\nx = [1]\nprint(x)\n```\n"), ("[1]\n```\n", "```python\nx.append(2)\nprint(x)\n```\n")]
    with scripted_server(*answers(tmp_path, *steps), "--faults", "") as url:
        stopped = outcomes(url, tmp_path / "store", [start()], calls=2)
        assert isinstance(stopped[0], Continued)
    begun = stopped[0]
    # The trace as it stood behind its second output, in a process that has no session.
    goes_on = start(begun.text[: begun.calls[1].end], calls=begun.calls)
    lines = answers(tmp_path, ("[1, 2]\n", "```python\nprint(x + [3])\n```\n"), ("[1, 2, 3]\n", BOXED % 42))
    with scripted_server(*lines) as url:
        done = outcomes(url, tmp_path / "other", [goes_on])[0]
    assert isinstance(done, Continued)
    assert [call.output for call in done.calls] == ["[1]", "[1, 2]", "[1, 2, 3]"]


def test_traces_wait_for_none_slower(tmp_path) -> None:
    """Promise: a trace whose code runs into its deadline holds no other one up, and they end in any order."""
    slow = start(prompt="slow: What is 6 * 7?")
    quick = [start(prompt=f"quick {i}: What is 6 * 7?") for i in range(40)]
    lines = answers(
        tmp_path,
        ("slow", "```python\nimport time; time.sleep(60)\n```\n"),
        ("quick", "```python\nprint(6 * 7)\n```\n"),
        ("output\n", BOXED % 42),
    )
    order: list[str] = []

    async def work(kit):
        async def noted(one_start):
            done = (await continue_all([one_start], kit))[0]
            order.append(one_start.prompt)
            return done

        return await asyncio.gather(*(noted(each) for each in (slow, *quick)))

    with scripted_server(*lines) as url:
        done = with_kit(url, tmp_path / "store", work, cell_s=3.0)
    assert [one_done.calls[0].status for one_done in done] == ["timeout", *["ok"] * 40]
    assert order[-1] == slow.prompt


def test_two_hundred_traces_at_once_leave_no_process_and_no_file_behind(tmp_path) -> None:
    """Promise: each has a live session of its own, and all of it is gone with the traces."""
    starts = [start(prompt=f"{i}: What is 6 * 7?") for i in range(200)]
    lines = answers(
        tmp_path,
        ("What is 6 * 7?", "```python\nx = 6\nprint('one')\n```\n"),
        ("\none\n```\n", "```python\nprint(x * 7)\n```\n"),
        ("\n42\n```\n", BOXED % 42),
    )
    with scripted_server(*lines) as url:
        outcomes(url, tmp_path / "first", starts[:1])
        before = sandbox_processes(), len(os.listdir("/proc/self/fd"))
        done = outcomes(url, tmp_path / "store", starts)
        after = sandbox_processes(), len(os.listdir("/proc/self/fd"))
    assert [one_done.calls[1].output for one_done in done] == ["42"] * 200
    assert after == before


def test_a_teacher_that_fails_leaves_the_trace_owed_and_a_prompt_too_long_is_a_reject(tmp_path) -> None:
    lines = answers(tmp_path, (FIRST, BOXED % 42))
    with scripted_server(*lines, "--faults", "500,500,500,500") as url:
        assert isinstance(outcomes(url, tmp_path / "store", [start()])[0], str)
        assert isinstance(outcomes(url, tmp_path / "store", [start()])[0], Continued)
        long = outcomes(url, tmp_path / "store", [start("word " * 60_000)])[0]
    assert (long.stage, long.reason) == ("hint", "refused_by_teacher")


def test_a_machine_below_the_level_is_refused(tmp_path) -> None:
    """Promise: the stage does not start where the sandbox is unavailable, and says what doctor says."""
    if subprocess.run([*WITHOUT_NAMESPACES, "true"], capture_output=True).returncode != 0:
        pytest.skip("this machine cannot be made one without namespaces")
    script = (
        "import asyncio\nfrom generators.cort.interpreter import open_interpreter\n"
        "async def main():\n    async with open_interpreter('namespaces'): print('opened')\nasyncio.run(main())"
    )
    command = [*WITHOUT_NAMESPACES, sys.executable, "-c", script]
    refused = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    assert refused.stdout == ""
    assert "UserError: The sandbox reaches level" in refused.stderr
    assert "and 'namespaces' is asked" in refused.stderr
