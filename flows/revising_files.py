"""The verb `revise`: Retro-Search on traces in a file, whoever wrote them."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from catalog.errors import Unfinished
from catalog.records import Revision, Trace
from catalog.store import Store, default_store
from flows.file_traces import CHUNK, COLUMNS, count_rows, resolve, subjects
from flows.on_files import columns_of, tell
from flows.progress import shown
from flows.revising import pairs_of, record
from flows.revising import revise as revised
from flows.revision_report import lines, report
from flows.rows import read_chunks, writing_rows
from flows.workbench import Workbench, open_workbench
from generators.retro_search.revision import PENDING
from generators.subject import Subject


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
    names = columns_of(columns, COLUMNS)
    resolved = resolve("revise", file, recipe, teacher, model, {"mode": mode}, overrides)
    total = count_rows(file)
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
        for rows in read_chunks(file, CHUNK):
            found = subjects(rows, names, file, bench)
            estimated += sum(not isinstance(row.get(names["tokens"]), int) for row in rows)
            made, controls, causes = revised(bench, found)
            owed.update(causes)
            for row, subject, one in zip(rows, found, made, strict=True):
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
    told = report(records)
    if as_json:
        tell({"out": out, "rows": total, "tokens_estimated": estimated, **told.as_dict()}, True)
        return
    for line in [f"{out}: {total:,} rows, pairs in {out}.pairs.jsonl", *lines(told)]:
        print(line, file=sys.stderr)


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
