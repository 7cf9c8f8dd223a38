"""Requests and cells of the loop, each from the journal where it holds them, and in it before they are used."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from catalog.ids import canonical_json, completion_key, seed_for
from catalog.journal import Journal
from catalog.records import Completion
from generators.cort.calls import ToolCall
from generators.cort.interpreter import Interpreter, Python
from generators.cort.outputs import shown
from generators.meter import Meter
from generators.settings import HintSettings
from generators.teachers.protocol import Request, Teacher
from verifiers.sandbox import Outcome

if TYPE_CHECKING:
    from generators.cort.loop import Start

STAGE = "hint"

TOOL = "python"
"""The teacher's name in the journal's lines that hold outputs of code."""

REVISION = "cell@1"
"""Of these lines; grows when the form of an output block changes."""


class NotRun(Exception):
    """The sandbox could not run a cell, by no fault of its code: the trace stays owed."""


@dataclass(frozen=True, slots=True)
class Kit:
    """What hinting needs beyond the traces; shared by all shards of a build, on one event loop."""

    teacher: Teacher
    settings: HintSettings
    format: str
    """The teacher's prompt format (see generators.teachers.formats)."""
    thinking: tuple[str, str] | None
    """Delimiters of the reasoning, None for a teacher without: its code runs anywhere."""
    journal: Journal
    seed: int
    """The recipe's."""
    meter: Meter
    slots: asyncio.Semaphore
    """Requests in flight at most, over all shards."""
    interpreter: Interpreter
    progress: Callable[[int, int], None]
    """Told of finished requests and of new completion tokens."""


async def ask(start: "Start", text: str, max_tokens: int, stop: tuple[str, ...], kit: Kit) -> Completion:
    """Gives the teacher's continuation of `text`, the stop string that ended it included; raises as a teacher does."""
    settings = kit.settings
    prefix = start.prompt + text
    shape = {"temperature": settings.temperature, "top_p": settings.top_p, "stop": list(stop), "logprobs": False}
    params = canonical_json(shape)
    key = completion_key(start.task.task_id, STAGE, start.sample, kit.teacher.revision, prefix, params, kit.seed)
    found = kit.journal.lookup([key], max_tokens)
    if found:
        kit.progress(1, 0)
        return found[key]
    request = Request(
        prompt=prefix,
        max_tokens=max_tokens,
        temperature=settings.temperature,
        top_p=settings.top_p,
        stop=stop,
        seed=seed_for(kit.seed, STAGE, key),
    )
    async with kit.slots:
        kit.meter.check()
        began = time.monotonic()
        reply = await kit.teacher.complete(request)
    choice = reply.choices[0]
    completion = Completion(
        key=key,
        task_id=start.task.task_id,
        stage=STAGE,
        sample=start.sample,
        teacher=kit.teacher.name,
        revision=kit.teacher.revision,
        params=params,
        seed=request.seed,
        max_tokens=max_tokens,
        text=choice.text + (choice.stop_string or ""),
        finish_reason=choice.finish_reason,
        prompt_tokens=reply.prompt_tokens,
        completion_tokens=choice.completion_tokens,
        mean_logprob=choice.mean_logprob,
        step_logprobs=choice.step_logprobs,
        wall_s=time.monotonic() - began,
        created=time.time(),
    )
    kit.journal.append([completion])
    kit.meter.add(reply.prompt_tokens, choice.completion_tokens)
    kit.progress(1, choice.completion_tokens)
    return completion


async def run(
    start: "Start", text: str, code: str, python: Python, calls: Sequence[ToolCall], kit: Kit
) -> tuple[str, Outcome]:
    """Gives what the trace is shown of the code that `text` ends with, and the outcome, without its streams.

    Raises NotRun where the sandbox fails; nothing is journalled then.
    """
    params = canonical_json({"seconds": kit.settings.cell_s})
    key = completion_key(start.task.task_id, STAGE, start.sample, REVISION, start.prompt + text, params, kit.seed)
    found = kit.journal.lookup([key], 0)
    if found:
        return _told(orjson.loads(found[key].text))
    began = time.monotonic()
    outcome = await python.run(code, calls)
    if outcome.status == "infrastructure":
        raise NotRun(f"the sandbox could not run a cell: {outcome.error}")
    row = {
        "output": shown(outcome, kit.settings.cell_s, kit.thinking),
        "status": outcome.status,
        "error": outcome.error,
        "ms": round(outcome.ms, 3),
        "lost": outcome.lost_state,
    }
    kit.journal.append(
        [
            Completion(
                key=key,
                task_id=start.task.task_id,
                stage=STAGE,
                sample=start.sample,
                teacher=TOOL,
                revision=REVISION,
                params=params,
                seed=0,
                max_tokens=0,
                text=canonical_json(row),
                finish_reason="stop",
                prompt_tokens=0,
                completion_tokens=0,
                mean_logprob=None,
                step_logprobs=None,
                wall_s=time.monotonic() - began,
                created=time.time(),
            )
        ]
    )
    return _told(row)


def _told(row: dict[str, Any]) -> tuple[str, Outcome]:
    return row["output"], Outcome(row["status"], "", "", row["error"], 0.0, row["ms"], None, row["lost"])
