"""The stages on files: the same functions that a build runs, one piece at a time."""

import difflib
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from catalog.errors import Unfinished, UserError
from catalog.ids import canonical_json, task_id
from catalog.records import Task
from catalog.store import Store, default_store
from flows.loading import load
from flows.rows import read_chunks, read_rows, writing_rows

_CHUNK = 512
"""Rows held at once."""


def tasks(recipe: str, out: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Writes a recipe's tasks; what was refused is counted by reason."""
    from flows.driver import distinct_tasks

    refused: Counter[str] = Counter()
    written = 0
    with writing_rows(out) as writer:
        for row in distinct_tasks(load(recipe, overrides)):
            if isinstance(row, Task):
                writer.write(asdict(row))
                written += 1
            else:
                refused[row.reason] += 1
    tell({"out": out, "tasks": written, "rejects": dict(refused)}, as_json)


def sample(file: str, out: str, recipe: str, store: str | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Draws the recipe's traces for the tasks of a file; the journal of the store makes a repeated call free."""
    from flows.progress import shown
    from flows.workbench import open_workbench

    resolved = load(recipe, overrides)
    total = sum(1 for _ in read_rows(file))
    written, refused, pending = 0, 0, 0
    causes: set[str] = set()
    with (
        shown(total * resolved.recipe.sample.n, "sample") as progress,
        open_workbench(resolved, Store.open(store or default_store()), progress, sampling_only=True) as bench,
        writing_rows(out) as writer,
    ):
        for rows in read_chunks(file, _CHUNK):
            batch = [_task(row, file) for row in rows]
            sampled = bench.sample(batch)
            by_id = {task.task_id: task for task in batch}
            for trace in sampled.traces:
                task = by_id[trace.task_id]
                writer.write(
                    {
                        "id": trace.trace_id,
                        "problem": task.prompt,
                        "reference": task.reference,
                        "verifier": task.verifier,
                        "spec": task.spec,
                        "response": trace.answer,
                        **asdict(trace),
                    }
                )
            written += len(sampled.traces)
            refused += len(sampled.rejects)
            pending += sampled.pending
            causes.update(sampled.causes)
        if pending:
            bench.meter.check()
            raise Unfinished(f"{pending:,} samples are still owed ({'; '.join(sorted(causes))}): run it again.")
    tell({"out": out, "traces": written, "rejects": refused}, as_json)


def _task(row: dict[str, Any], file: str) -> Task:
    prompt = row.get("prompt") or row.get("problem")
    if not isinstance(prompt, str):
        raise UserError(f"{file}: a row has no text in `prompt`: name the problem's column so.")
    domain, verifier = str(row.get("domain") or "math"), str(row.get("verifier") or "math")
    reference = "" if row.get("reference") is None else str(row["reference"])
    spec = spec_text(row.get("spec"))
    return Task(
        task_id=row.get("task_id") or task_id(domain, prompt, reference, verifier, spec),
        domain=domain,
        prompt=prompt,
        reference=reference,
        verifier=verifier,
        spec=spec,
        difficulty=row.get("difficulty"),
        guess_rate=row.get("guess_rate"),
        structure=row.get("structure"),
        source=str(row.get("source") or file),
        license=str(row.get("license") or "unknown"),
    )


def spec_text(spec: Any) -> str:
    if spec is None:
        return "{}"
    if isinstance(spec, str):
        return spec
    try:
        return canonical_json(spec)
    except (TypeError, ValueError):  # a Parquet column of dates, bytes or NaN: no verifier's spec
        return json.dumps(str(spec))


def verify(
    file: str | None,
    out: str | None,
    verifier: str | None,
    columns: Sequence[str],
    deadline_s: float,
    sandbox: str,
    as_json: bool,
) -> None:
    """Judges the responses of a file, adding `verdict, extracted, detail, ms`; counts by verdict."""
    from verifiers.judge import Item, check_name
    from verifiers.pool import Pool

    if file is None or out is None:
        raise UserError(
            "verify needs a FILE of responses and -o OUT (or --audit VERIFIER, --references or --consensus)."
        )
    if verifier is not None:
        check_name(verifier)
    names = columns_of(columns)
    counts: Counter[str] = Counter()
    with Pool(deadline_s=deadline_s, sandbox=sandbox) as pool, writing_rows(out) as writer:
        for rows in read_chunks(file, _CHUNK):
            items = []
            for row in rows:
                needs(row, [names["response"], names["reference"]], file)
                chosen = verifier or row.get(names["verifier"])
                if not isinstance(chosen, str):
                    raise UserError(f"{file}: no column {names['verifier']!r} names a verifier: give --verifier.")
                response, reference = row[names["response"]], row[names["reference"]]
                items.append(Item(chosen, text_of(response), text_of(reference), spec_text(row.get(names["spec"]))))
            for row, judgement in zip(rows, pool.judge_many(items), strict=True):
                counts[judgement.verdict] += 1
                added = {"verdict": judgement.verdict, "extracted": judgement.extracted}
                writer.write({**row, **added, "detail": judgement.detail, "ms": round(judgement.ms, 3)})
        if not counts:
            raise UserError(f"{file} has no rows: give a file with at least one response.")
    tell({"out": out, "verdicts": dict(counts)}, as_json)


def text_of(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, default=str)


def columns_of(given: Sequence[str], more: Sequence[str] = ()) -> dict[str, str]:
    names = {name: name for name in ("response", "reference", "verifier", "spec", *more)}
    for pair in given:
        name, found, column = pair.partition("=")
        if not found or name not in names:
            near = difflib.get_close_matches(name, names, 1)
            hint = f"did you mean {near[0]}=...?" if near else f"write one of {', '.join(names)}=COLUMN."
            raise UserError(f"--column {pair!r} names no column that is read: {hint}")
        names[name] = column
    return names


def needs(row: dict[str, Any], wanted: Sequence[str], file: str) -> None:
    for name in wanted:
        if name not in row:
            near = difflib.get_close_matches(name, row, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(sorted(row))}."
            raise UserError(f"{file} has no column {name!r}: {hint} (--column NAME=COLUMN says where it is.)")


def dedup(file: str, out: str, threshold: float | None, column: str, as_json: bool) -> None:
    """Writes a file's rows without duplicates; the dropped ones go to OUT.rejects.jsonl, each with its twin."""
    from dedup.duplicates import duplicate_tasks
    from dedup.settings import DedupSettings, SemanticSettings

    settings = DedupSettings(semantic=None if threshold is None else SemanticSettings(threshold=threshold))

    def numbered() -> Iterator[Task]:
        for number, row in enumerate(read_rows(file)):
            needs(row, [column], file)
            yield _as_task(str(number), text_of(row[column]), row)

    dropped = {duplicate.row_id: duplicate for duplicate in duplicate_tasks(numbered(), settings)}
    rejects = f"{out}.rejects.jsonl"
    kept = 0
    with writing_rows(out) as writer, writing_rows(rejects) as apart:
        for number, row in enumerate(read_rows(file)):
            duplicate = dropped.get(str(number))
            if duplicate is None:
                writer.write(row)
                kept += 1
            else:
                why = {"reason": duplicate.reason, "twin_row": int(duplicate.twin), "score": duplicate.score}
                apart.write({"row_number": number, **why, **duplicate.evidence, "row": row})
    reasons = Counter(duplicate.reason for duplicate in dropped.values())
    tell({"out": out, "rows": kept, "rejects": dict(reasons), "rejects_file": rejects}, as_json)


def _as_task(name: str, text: str, row: dict[str, Any]) -> Task:
    structure = row.get("structure")
    reference = text_of(row.get("reference"))
    return Task(
        name, "", text, reference, "", "{}", None, None, structure if isinstance(structure, str) else None, "", ""
    )


def tell(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(result, ensure_ascii=False))
    else:
        for name, value in result.items():
            text = ", ".join(f"{k} {v:,}" for k, v in value.items()) if isinstance(value, dict) else value
            print(f"{name}: {text or 0}", file=sys.stderr)
