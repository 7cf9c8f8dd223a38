"""Traces in a file, whoever wrote them, for the verbs that make better ones of them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from catalog.errors import UserError
from catalog.ids import task_id, trace_id
from catalog.records import Task, Trace
from flows.judging import verdict_of
from flows.loading import Resolved, load, validated
from flows.on_files import needs, spec_text, text_of
from flows.rows import read_rows
from flows.workbench import Workbench
from generators.sampling import split_thinking
from generators.subject import Subject
from generators.teachers.replies import CHARACTERS_PER_TOKEN
from verifiers.judge import Item, check_name

CHUNK = 256
"""Rows held, and worked on side by side, at once."""

COLUMNS = ("problem", "tokens")
"""Columns beside those of a verification."""

_NAME = "teacher"

MATH_PROMPT = "{prompt}\n\nThink step by step and put the final answer within \\boxed{}."
"""What a teacher without a recipe is asked: an answer to a problem of mathematics is read from its last box."""


def count_rows(file: str) -> int:
    """Gives the number of rows; UserError where there is none."""
    total = sum(1 for _ in read_rows(file))
    if not total:
        raise UserError(f"{file} has no rows: give a file with at least one trace.")
    return total


def resolve(
    stage: str,
    file: str,
    recipe: str | None,
    teacher: str | None,
    model: str | None,
    given: dict[str, str | None],
    overrides: tuple[str, ...],
) -> Resolved:
    """Gives the recipe of a verb: one from a file, or what it would say for one teacher.

    `stage` is revise or hint, `given` are settings of its section. No other teacher than the stage's is in it. Raises
    UserError for what is missing.
    """
    settings = {name: value for name, value in given.items() if value}
    if recipe is None:
        return _without_recipe(stage, file, teacher, model, settings, overrides)
    if teacher:
        settings["teacher"] = teacher
    resolved = load(recipe, (*overrides, *(f'{stage}.{name}="{value}"' for name, value in settings.items())))
    found = resolved.recipe
    section = getattr(found, stage)
    if section is None:
        raise UserError(f"{recipe} has no section [{stage}]: add one, or name one of its teachers with --teacher.")
    sample = found.sample.model_copy(update={"teacher": section.teacher})
    others = {name: None for name in ("revise", "hint") if name != stage}
    return replace(resolved, recipe=found.model_copy(update={"sample": sample, **others}))


def _without_recipe(
    stage: str,
    file: str,
    teacher: str | None,
    model: str | None,
    settings: dict[str, str],
    overrides: tuple[str, ...],
) -> Resolved:
    if teacher is None:
        raise UserError(f"{stage} needs --teacher: embedded, the URL of an endpoint, or a teacher of a --recipe.")
    of_teacher: dict[str, Any] = {"format": "chatml", "thinking": ["<think>", "</think>"]}
    if teacher == "embedded":
        of_teacher |= {"kind": "embedded"} | ({"model": model} if model else {})
    elif teacher.startswith(("http://", "https://")):
        if model is None:
            raise UserError(f"--teacher {teacher} serves models by name: say which one with --model.")
        of_teacher |= {"kind": "openai", "url": teacher, "model": model}
    else:
        raise UserError(
            f"--teacher {teacher!r} is neither `embedded` nor a URL: give one of these, or the --recipe that names it."
        )
    values = {
        "name": stage,
        "tasks": [{"generator": "problems", "path": file, "source": file, "license": "unknown"}],
        "teachers": {_NAME: of_teacher},
        "sample": {"teacher": _NAME, "prompts": {"math": MATH_PROMPT}},
        stage: {"teacher": _NAME, **settings},
    }
    return Resolved(validated(values, overrides, stage), Path.cwd() / stage, {})


def subjects(rows: Sequence[dict[str, Any]], names: dict[str, str], file: str, bench: Workbench) -> list[Subject]:
    """Gives a file's rows as traces, judged by their verifiers; `names` are its columns by what they hold."""
    made: list[tuple[Task, Trace, str]] = []
    for row in rows:
        needs(row, [names["problem"], names["reference"], names["response"]], file)
        verifier = row.get(names["verifier"]) or "math"
        check_name(verifier)
        prompt, reference = text_of(row[names["problem"]]), text_of(row[names["reference"]])
        spec, response = spec_text(row.get(names["spec"])), text_of(row[names["response"]])
        task = Task(
            task_id=task_id(verifier, prompt, reference, verifier, spec),
            domain=verifier,
            prompt=prompt,
            reference=reference,
            verifier=verifier,
            spec=spec,
            difficulty=None,
            guess_rate=None,
            structure=None,
            source=file,
            license="unknown",
        )
        thinking, answer, closed = split_thinking(response, bench.sampler.thinking)
        tokens = row.get(names["tokens"])
        made.append((task, trace_of(task, thinking, answer, closed, tokens), answer if closed else response))
    items = [Item(task.verifier, answer, task.reference, task.spec) for task, _, answer in made]
    judged = bench.pool.judge_many(items)
    return [
        Subject(task, trace, verdict_of(trace, judgement))
        for (task, trace, _), judgement in zip(made, judged, strict=True)
    ]


def trace_of(task: Task, thinking: str, answer: str, closed: bool, tokens: Any) -> Trace:
    """Gives a response that somebody else's model wrote as a trace; `closed`: whether its thinking ends.

    `tokens` are its own count, where that is a positive whole number; else they are estimated.
    """
    known = isinstance(tokens, int) and tokens > 0
    return Trace(
        trace_id=trace_id("sampled", task.task_id, None, "", thinking, answer),
        task_id=task.task_id,
        parent=None,
        origin="sampled",
        sample=0,
        thinking=thinking,
        answer=answer,
        finish_reason="stop" if closed else "length",
        truncated=not closed,
        prompt_tokens=0,
        completion_tokens=tokens if known else max(1, (len(thinking) + len(answer)) // CHARACTERS_PER_TOKEN),
        mean_logprob=None,
        step_logprobs=None,
        params="{}",
        seed=0,
        teacher="",
        revision="",
        completion_key="",
        wall_s=0.0,
    )
