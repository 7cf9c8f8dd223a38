"""Hints on a real vLLM server with a real small model: what it writes as code runs, and the model goes on from it.

A model of 135 million parameters writes poor code and comes to few answers; the rates stand in docs/cort.md as this
prints them: pytest -m vllm -s tests/generators/cort/test_vllm.py
"""

import asyncio
import os
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from catalog import models
from catalog.ids import task_id
from catalog.journal import Journal
from catalog.records import Task
from catalog.store import Store
from generators import algebra
from generators.cort.asking import Kit
from generators.cort.detect import COMPUTE, positions
from generators.cort.hints import TEXTS, insert, opened
from generators.cort.interpreter import open_interpreter
from generators.cort.loop import Continued, Start, continue_all
from generators.cort.mask import tokens_and_mask
from generators.cort.outputs import block, shown
from generators.cort.search import prompt_for
from generators.cort.traces import hinted
from generators.meter import Limits, Meter
from generators.sampling import Sampler, split_thinking
from generators.settings import AlgebraSettings, HintSettings, SampleSettings
from generators.teachers import open_teacher
from generators.teachers.settings import VllmSettings
from tests.generators.cort.traces import THINKING
from verifiers.judge import Item, slow

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        "REASONMILL_VLLM_PYTHON" not in os.environ, reason="REASONMILL_VLLM_PYTHON names no Python with vLLM"
    ),
]

SERVER = VllmSettings(kind="vllm", model=models.LANGUAGE_MODEL, max_model_len=2048, args=("--enforce-eager",))
SETTINGS = HintSettings(teacher="t", max_tokens=288, calls=4, cell_s=5.0)
PROBLEMS, TRACES = 14, 8


def prompted(kit: Kit) -> list[Start]:
    """Algebra problems of the levels 1 and 2, asked for code from the first word on."""
    text, hint = opened()
    tasks = algebra.generate(AlgebraSettings(generator="algebra", levels=(1, 2), count=PROBLEMS), 3, 0)
    return [Start(task, prompt_for(task, kit), text, hints=(hint,)) for task in tasks]


def engineered(shared: Path, kit: Kit) -> list[Start]:
    """Real traces of larger models, cut where hand calculation begins, with the hint that opens a code block."""
    found = []
    for row in sorted(pq.read_table(shared / "reasoning_traces.parquet").to_pylist(), key=lambda row: row["id"]):
        thinking = split_thinking(row["response"], THINKING)[0]
        places = [place for place in positions(thinking[:6000], []) if place.kind == COMPUTE and place.at < 2400]
        if places:
            identity = task_id("math", row["problem"], row["gold"], "math", "{}")
            task = Task(identity, "math", row["problem"], row["gold"], "math", "{}", None, None, None, "test", "")
            text, hint = insert(thinking[: places[0].at], COMPUTE)
            found.append(Start(task, prompt_for(task, kit), text, hints=(hint,)))
    return found[:TRACES]


@pytest.fixture(scope="module")
def made(shared_data, tmp_path_factory) -> tuple[list[Continued], list[Continued], list[list[str]]]:
    """Prompted traces, hinted ones, and what the code of each prints when it is run once more."""

    @asynccontextmanager
    async def kits():
        store = Store.open(tmp_path_factory.mktemp("store"))
        with closing(Journal.open(store)) as journal:
            async with open_teacher("t", SERVER, Path()) as teacher, open_interpreter() as interpreter:
                yield [
                    Kit(
                        Sampler(
                            teacher=teacher,
                            settings=SampleSettings(teacher="t"),
                            format="chatml",
                            thinking=thinking,
                            journal=journal,
                            seed=7,
                            meter=Meter(Limits()),
                            slots=asyncio.Semaphore(teacher.concurrency),
                            progress=lambda samples, tokens: None,
                        ),
                        SETTINGS,
                        interpreter,
                    )
                    for thinking in (None, THINKING)
                ]

    async def again(done: Continued, kit: Kit) -> list[str]:
        async with kit.interpreter.python(SETTINGS.cell_s, SETTINGS.calls) as python:
            outcomes = [await python.run(call.code, ()) for call in done.calls]
        return [shown(outcome, SETTINGS.cell_s, kit.thinking) for outcome in outcomes]

    async def main():
        async with kits() as (plain, thinking):
            first, second = await asyncio.gather(
                continue_all(prompted(plain), plain), continue_all(engineered(shared_data, thinking), thinking)
            )
            outputs = [await again(done, plain) for done in first] + [await again(done, thinking) for done in second]
            return first, second, outputs

    return asyncio.run(main())


def test_code_is_written_run_and_gone_on_from(made) -> None:
    first, second, again = made
    assert (len(first), len(second)) == (PROBLEMS, TRACES)
    assert all(isinstance(done, Continued) for done in first + second)
    gone_on = 0
    for done, outputs in zip(first + second, again, strict=True):
        at = len(done.start.text)
        for completion in done.completions:  # all that the teacher wrote, in order, up to white space at the seams
            at = done.text.index(completion.text.rstrip(), at) + len(completion.text.rstrip())
        for number, (call, output) in enumerate(zip(done.calls, outputs, strict=True)):
            assert call.code in done.text[: call.start]
            inserted = block(call.output, used_up=number + 1 == SETTINGS.calls)
            assert done.text[call.start : call.end] == inserted
            if call.status == "ok":
                assert call.output == output
            gone_on += bool(done.text[call.end :].strip())
    calls = [call for done in second for call in done.calls]
    assert len(calls) >= TRACES / 2  # a hint opens the block: even this model fills it
    assert any(call.status == "ok" and call.output for call in calls)
    assert gone_on >= TRACES / 2
    print()
    for name, traces in (("prompted", first), ("hinted", second)):
        print(name, rates(traces))


def rates(traces: list[Continued]) -> str:
    """Gives in words what came of the traces."""
    calls = [call for done in traces for call in done.calls]
    right = 0
    for done in traces:
        answer = hinted(done, THINKING if done.start.hints[0].kind == COMPUTE else None, None).trace.answer
        task = done.start.task
        right += slow(Item(task.verifier, answer, task.reference, task.spec)).verdict == "correct"
    return (
        f"code in {sum(bool(done.calls) for done in traces)} of {len(traces)} traces, {len(calls)} runs, "
        f"{sum(call.status == 'ok' for call in calls)} without a failure, {right} right answers, "
        f"{sum(done.finish_reason == 'length' for done in traces)} cut off by the limit"
    )


def test_the_mask_covers_what_the_tool_wrote_and_nothing_else(made) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(models.resolve(models.LANGUAGE_MODEL))
    first, second, _ = made
    kept = [hinted(done, None, None) for done in first] + [hinted(done, THINKING, None) for done in second]
    with_output = [one for one in kept if one.calls]
    for one in with_output:
        assert TEXTS[one.hints[0].kind].strip() in one.text[one.hints[0].start : one.hints[0].end]
        for call, (start, end) in zip(one.calls, one.output_spans, strict=True):
            assert one.text[start:end].strip().startswith("```")
            assert call.output.strip() in one.text[start:end]
        ids, learned = tokens_and_mask(tokenizer, one.text, one.output_spans)
        places = tokenizer(one.text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        assert len(ids) == len(places)
        characters = {at for start, end in one.output_spans for at in range(start, end)}
        for (start, end), keep in zip(places, learned, strict=True):
            assert keep == characters.isdisjoint(range(start, end))
    assert len(with_output) >= TRACES / 2
