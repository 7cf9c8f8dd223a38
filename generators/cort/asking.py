"""Requests and cells of the loop, each from the journal where it holds them, and in it before they are used."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from catalog.ids import canonical_json, completion_key, seed_for
from catalog.records import Completion
from generators import asking
from generators.cort.calls import ToolCall
from generators.cort.interpreter import Interpreter, Python
from generators.cort.outputs import shown
from generators.sampling import Sampler
from generators.settings import HintSettings
from generators.teachers.protocol import Request
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
    """What hinting needs beyond the traces: a sampler lends its teacher, format, journal, seed, meter and slots."""

    sampler: Sampler
    settings: HintSettings
    interpreter: Interpreter

    @property
    def thinking(self) -> tuple[str, str] | None:
        """Delimiters of the reasoning, None for a teacher without: its code runs anywhere."""
        return self.sampler.thinking


async def ask(start: "Start", text: str, max_tokens: int, stop: tuple[str, ...], kit: Kit) -> Completion:
    """Gives the teacher's continuation of `text`, the stop string that ended it included; raises as a teacher does."""
    settings, task_id, prefix = kit.settings, start.task.task_id, start.prompt + text
    shape = {"temperature": settings.temperature, "top_p": settings.top_p, "stop": list(stop)}
    request = Request(
        prompt=prefix,
        max_tokens=max_tokens,
        temperature=settings.temperature,
        top_p=settings.top_p,
        stop=stop,
        seed=seed_for(kit.sampler.seed, STAGE, [task_id, start.sample, prefix]),
    )
    completion, _ = await asking.ask(
        kit.sampler, request, canonical_json(shape), task_id=task_id, stage=STAGE, sample=start.sample, stops_kept=stop
    )
    return completion


async def run(
    start: "Start", text: str, code: str, python: Python, calls: Sequence[ToolCall], kit: Kit
) -> tuple[str, Outcome]:
    """Gives what the trace is shown of the code that `text` ends with, and the outcome, without its streams.

    Raises NotRun where the sandbox fails; nothing is journalled then.
    """
    params = canonical_json({"seconds": kit.settings.cell_s})
    key = completion_key(
        start.task.task_id, STAGE, start.sample, REVISION, start.prompt + text, params, kit.sampler.seed
    )
    found = kit.sampler.journal.lookup([key], 0)
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
    kit.sampler.journal.append(
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
