"""The verb `hint`: CoRT on traces in a file, whoever wrote them."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from catalog.errors import Unfinished
from catalog.records import Hinting
from catalog.store import Store, default_store
from flows.file_traces import CHUNK, COLUMNS, count_rows, resolve, subjects
from flows.hint_report import lines, report
from flows.hinting import able_to_gain, of_prompt, of_search
from flows.on_files import columns_of, tell
from flows.progress import shown
from flows.rows import read_chunks, writing_rows
from flows.workbench import Workbench, open_workbench
from generators.cort.calls import calls_json
from generators.cort.search import Judged, Prompted, Search
from generators.subject import Subject
from verifiers import code, sandbox


def hint(
    file: str,
    out: str,
    teacher: str | None,
    model: str | None,
    strategy: str | None,
    recipe: str | None,
    columns: Sequence[str],
    store: str | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Writes a file's rows with `response` replaced by one that uses code, where that is right and costs fewer tokens.

    A wrong response is replaced by any right one. Added are `original` (the response before), `hinted`, `reason`,
    `verdict`, tokens before and after, `tool_calls` and `tool_output` (characters of `response` that a tool wrote).
    The journal of the store makes a repeated call free. Raises UserError for what the file, the teacher, a recipe or
    the sandbox lacks, Unfinished where something is still owed.
    """
    names = columns_of(columns, COLUMNS)
    resolved = resolve("hint", file, recipe, teacher, model, {"strategy": strategy}, overrides)
    assert resolved.recipe.hint is not None
    sandbox.require(resolved.recipe.hint.sandbox)
    total = count_rows(file)
    hintings: list[Hinting] = []
    owed: set[str] = set()
    with (
        shown(0, "hint") as progress,
        open_workbench(resolved, Store.open(store or default_store()), progress) as bench,
        writing_rows(out) as writer,
    ):
        assert bench.kit is not None
        for rows in read_chunks(file, CHUNK):
            found = subjects(rows, names, file, bench)
            able = [one for one in found if able_to_gain(one.task, one.trace, one.verdict)]
            ways = bench.kit.settings.strategy
            searches = dict(_by_trace(able, bench.hint(able) if ways != "prompt" else []))
            tasks = {one.task.task_id: one.task for one in found if one.task.verifier != code.NAME}
            asked = bench.ask_for_code(list(tasks.values())) if ways != "engineered" else []
            prompted = dict(zip(tasks, asked, strict=False))
            owed.update(cause for search in searches.values() for cause in search.owed)
            owed.update(cause for one in asked for cause in one.owed)
            hintings += [of_search(one, bench.kit) for one in searches.values()]
            hintings += [of_prompt(tasks[name], one, bench.kit) for name, one in prompted.items()]
            for row, subject in zip(rows, found, strict=True):
                best = _best(subject, searches.get(subject.trace.trace_id), prompted.get(subject.task.task_id))
                writer.write(_written(row, subject, best, names["response"], bench))
        if owed:
            bench.meter.check()
            raise Unfinished(f"Some hints are still owed ({'; '.join(sorted(owed))}): run it again.")
    told = report(hintings)
    if as_json:
        tell({"out": out, "rows": total, **told.as_dict()}, True)
        return
    for line in [f"{out}: {total:,} rows", *lines(told)]:
        print(line, file=sys.stderr)


def _by_trace(found: Sequence[Subject], searches: Sequence[Search]) -> list[tuple[str, Search]]:
    return [(one.trace.trace_id, search) for one, search in zip(found, searches, strict=False)]


def _best(subject: Subject, search: Search | None, prompted: Prompted | None) -> Judged | None:
    """Gives the right hinted trace with the fewest tokens, if a right trace has more or the trace is wrong."""
    ones = [*([search.best] if search and search.best else []), *(prompted.traces if prompted else ())]
    right = [one for one in ones if one.judgement.verdict == "correct" and not one.hinted.trace.truncated]
    best = min(right, key=lambda one: (one.hinted.trace.completion_tokens, one.hinted.trace.trace_id), default=None)
    if best is None or subject.verdict.verdict != "correct":
        return best
    return best if best.hinted.trace.completion_tokens < subject.trace.completion_tokens else None


def _written(
    row: dict[str, Any], subject: Subject, best: Judged | None, column: str, bench: Workbench
) -> dict[str, Any]:
    response, spans = row[column], []
    if best is not None:
        trace, thinking = best.hinted.trace, bench.sampler.thinking
        response = f"{trace.thinking}\n{thinking[1]}\n\n{trace.answer}" if thinking else trace.answer
        spans = [{"start": start, "end": end} for start, end in best.hinted.output_spans]
    return {
        **row,
        column: response,
        "original": row[column] if best else None,
        "hinted": best is not None,
        "reason": _reason(subject, best),
        "verdict": subject.verdict.verdict,
        "tokens_before": subject.trace.completion_tokens,
        "tokens_after": (best.hinted.trace if best else subject.trace).completion_tokens,
        "hints": [asdict(one) for one in best.hinted.hints] if best else [],
        "tool_calls": calls_json(best.hinted.calls if best else ()),
        "tool_output": spans,
    }


def _reason(subject: Subject, best: Judged | None) -> str:
    if best is not None:
        return "improved" if subject.verdict.verdict == "correct" else "rescued"
    if subject.trace.truncated or subject.verdict.verdict not in ("correct", "wrong"):
        return "not_judged"
    return "nothing_better"
