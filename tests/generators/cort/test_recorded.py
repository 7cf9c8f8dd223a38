"""Programs found in traces are tool calls, and run here as they ran elsewhere."""

import asyncio
import gzip
import json

from generators.cort.interpreter import Interpreter
from generators.cort.recorded import recorded_calls, replay
from tests.generators.cort.traces import BOXED, _box, answers, outcomes, start
from tests.generators.serving import scripted_server


def replayed(text: str):
    async def main():
        return await replay(recorded_calls(text), Interpreter(*_box()))

    return asyncio.run(main())


def test_a_trace_with_programs_is_read_with_its_spans() -> None:
    text = (
        "So:\n```python\nx = 3\n```\n```output\n3\n```\nThen.\n```python\nprint(1)\n```\nnot run\n```output\n1\n```\n"
    )
    (call,) = recorded_calls(text)
    assert (call.code, call.output, call.status) == ("x = 3\n", "3", "recorded")
    assert text[call.start : call.end] == "```output\n3\n```\n"


def test_a_trace_with_recorded_calls_goes_on_with_their_names(tmp_path) -> None:
    text = "So:\n```python\nx = 3\nprint(x)\n```\n```output\n3\n```\n"
    begun = start(text, calls=tuple(recorded_calls(text)))
    lines = answers(tmp_path, ("\n3\n```\n", "```python\nprint(x * 14)\n```\n"), ("\n42\n```\n", BOXED % 42))
    with scripted_server(*lines) as url:
        (done,) = outcomes(url, tmp_path / "store", [begun])
    assert [(call.status, call.output) for call in done.calls] == [("recorded", "3"), ("ok", "42")]


def test_a_disagreement_is_told_with_its_cause() -> None:
    texts = {
        "exact": "```python\nprint(6 * 7)\n```\n```output\n42\n```\n",
        "float": "```python\nprint(0.1 + 0.2)\n```\n```output\n0.3\n```\n",
        "error": "```python\n1 / 0\n```\n```output\nZeroDivisionError: division by zero\n```\n",
        "differs": "```python\nprint(6 * 7)\n```\n```output\n43\n```\n",
        "exception": "```python\n1 / 0\n```\n```output\nNameError: name 'y' is not defined\n```\n",
        "memory": "```python\nx = bytearray(1 << 40)\n```\n```output\n42\n```\n",
        "exception ": "```python\nprint(y)\n```\n```output\n43\n```\n",
    }
    for why, text in texts.items():
        (again,) = replayed(text)
        assert (again.why, again.agrees) == (why.strip(), why in ("exact", "float", "error"))


def test_real_recorded_programs_agree(shared_data) -> None:
    """Promise: a program of a real trace prints here what it printed when it was recorded."""
    with gzip.open(shared_data / "tora_tool_traces_gsm8k.jsonl.gz") as file:
        lines = file.read().splitlines()[::12]
    calls = [recorded_calls(json.loads(line)["response"]) for line in lines]

    async def main():
        interpreter = Interpreter(*_box())
        return await asyncio.gather(*(replay(one, interpreter) for one in calls))

    again = [one for found in asyncio.run(main()) for one in found]
    assert len(again) >= 75
    assert [one for one in again if not one.agrees] == []
