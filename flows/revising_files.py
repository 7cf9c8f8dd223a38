"""The verb `revise`: Retro-Search on traces in a file, whoever wrote them."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any

from catalog.errors import Unfinished, UserError
from catalog.ids import task_id, trace_id
from catalog.records import Revision, Task, Trace
from catalog.store import Store, default_store
from flows.driver import verdict_of
from flows.loading import Resolved, load, validated
from flows.on_files import columns_of, needs, spec_text, tell, text_of
from flows.progress import shown
from flows.revising import pairs_of, record
from flows.revising import revise as revised
from flows.revision_report import lines, report
from flows.rows import read_rows, writing_rows
from flows.workbench import Workbench, open_workbench
from generators.retro_search.revision import PENDING, Subject
from generators.sampling import split_thinking
from generators.teachers.replies import CHARACTERS_PER_TOKEN
from verifiers.judge import Item, check_name

_CHUNK = 256
"""Rows held, and revised side by side, at once."""

_COLUMNS = ("problem", "tokens")
"""Beside those of a verification."""

_NAME = "reviser"


def revise(
    file: str,
    out: str,
    teacher: str | None,
    model: str | None,
    mode: str | None,
    recipe: str | None,
    columns: Sequence[str],
    store: str | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Writes a file's rows with `response` revised where a shorter one was found, and the preference pairs beside it.

    Added are `original` (the response before), `revised`, `reason`, `verdict`, steps and tokens before and after, and
    the switch points. The journal of the store makes a repeated call free. Raises UserError for what the file, the
    teacher or a recipe lacks, Unfinished where some revisions are still owed.
    """
    names = columns_of(columns, _COLUMNS)
    resolved = (
        _from_recipe(recipe, teacher, mode, overrides) if recipe else _resolved(file, teacher, model, mode, overrides)
    )
    total = sum(1 for _ in read_rows(file))
    if not total:
        raise UserError(f"{file} has no rows: give a file with at least one trace.")
    records: list[Revision] = []
    owed: set[str] = set()
    estimated = 0
    with (
        shown(0, "revise") as progress,
        open_workbench(resolved, Store.open(store or default_store()), progress) as bench,
        writing_rows(out) as writer,
        writing_rows(f"{out}.pairs.jsonl") as beside,
    ):
        assert bench.reviser is not None
        for rows in _chunks(read_rows(file)):
            subjects = _subjects(rows, names, file, bench)
            estimated += sum(not isinstance(row.get(names["tokens"]), int) for row in rows)
            made, controls, causes = revised(bench, subjects)
            owed.update(causes)
            for row, subject, one in zip(rows, subjects, made, strict=True):
                if one.reason == PENDING:
                    continue
                kept = record(one, bench.reviser, controls.get(one.parent.trace_id, {}))
                writer.write(_written(row, subject, one.trace, kept, names["response"], bench))
                for pair in pairs_of(one, bench.reviser):
                    beside.write(asdict(pair))
                if subject.verdict.verdict == "correct":
                    records.append(kept)
        if owed:
            bench.meter.check()
            raise Unfinished(f"Some revisions are still owed ({'; '.join(sorted(owed))}): run it again.")
    found = report(records)
    if as_json:
        tell({"out": out, "rows": total, "tokens_estimated": estimated, **found.as_dict()}, True)
        return
    for line in [f"{out}: {total:,} rows, pairs in {out}.pairs.jsonl", *lines(found)]:
        print(line, file=sys.stderr)


def _chunks(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while batch := list(islice(rows, _CHUNK)):
        yield batch


def _from_recipe(recipe: str, teacher: str | None, mode: str | None, overrides: tuple[str, ...]) -> Resolved:
    given = [f'revise.{name}="{value}"' for name, value in (("teacher", teacher), ("mode", mode)) if value]
    resolved = load(recipe, (*overrides, *given))
    found = resolved.recipe
    if found.revise is None:
        raise UserError(f"{recipe} has no section [revise]: add one, or name one of its teachers with --teacher.")
    sample = found.sample.model_copy(update={"teacher": found.revise.teacher})  # no other teacher is needed
    return replace(resolved, recipe=found.model_copy(update={"sample": sample}))


def _resolved(
    file: str, teacher: str | None, model: str | None, mode: str | None, overrides: tuple[str, ...]
) -> Resolved:
    """Gives what a recipe would say for one teacher and a file."""
    if teacher is None:
        raise UserError("revise needs --teacher: embedded, the URL of an endpoint, or a teacher of a --recipe.")
    settings: dict[str, Any] = {"format": "chatml", "thinking": ["<think>", "</think>"]}
    if teacher == "embedded":
        settings |= {"kind": "embedded"} | ({"model": model} if model else {})
    elif teacher.startswith(("http://", "https://")):
        if model is None:
            raise UserError(f"--teacher {teacher} serves models by name: say which one with --model.")
        settings |= {"kind": "openai", "url": teacher, "model": model}
    else:
        raise UserError(
            f"--teacher {teacher!r} is neither `embedded` nor a URL: give one of these, or the --recipe that names it."
        )
    values = {
        "name": "revise",
        "tasks": [{"generator": "problems", "path": file, "source": file, "license": "unknown"}],
        "teachers": {_NAME: settings},
        "sample": {"teacher": _NAME},
        "revise": {"teacher": _NAME} | ({"mode": mode} if mode else {}),
    }
    return Resolved(validated(values, overrides, "revise"), Path.cwd() / "revise", {})


def _subjects(rows: Sequence[dict[str, Any]], names: dict[str, str], file: str, bench: Workbench) -> list[Subject]:
    """Gives a file's rows as traces, judged by their verifiers."""
    assert bench.reviser is not None
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
        thinking, answer, closed = split_thinking(response, bench.reviser.sampler.thinking)
        tokens = row.get(names["tokens"])
        made.append((task, _trace(task, thinking, answer, closed, tokens), answer if closed else response))
    items = [Item(task.verifier, answer, task.reference, task.spec) for task, _, answer in made]
    judged = bench.pool.judge_many(items)
    return [
        Subject(task, trace, verdict_of(trace, judgement))
        for (task, trace, _), judgement in zip(made, judged, strict=True)
    ]


def _trace(task: Task, thinking: str, answer: str, closed: bool, tokens: Any) -> Trace:
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


def _written(
    row: dict[str, Any], subject: Subject, trace: Trace | None, kept: Revision, column: str, bench: Workbench
) -> dict[str, Any]:
    assert bench.reviser is not None
    changed = {}
    if trace is not None:
        changed = {column: f"{trace.thinking}\n{bench.reviser.closing}\n\n{trace.answer}"}
    return {
        **row,
        **changed,
        "original": row[column] if trace else None,
        "revised": trace is not None,
        "verdict": subject.verdict.verdict,
        **{
            name: getattr(kept, name)
            for name in (
                *("reason", "mode", "ended", "steps_before", "steps_after", "tokens_before", "tokens_after", "kept"),
                *("tried", "accepted", "outcomes", "points", "controls", "completion_tokens"),
            )
        },
    }
