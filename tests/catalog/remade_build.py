"""A small build in which references were voted, traces revised and given hints, made of records alone."""

from dataclasses import replace
from pathlib import Path

from catalog import ids
from catalog.records import Hint, Hinting, Pair, Revision, Task, ToolCall, Trace
from catalog.store import Build, Store
from tests.catalog.sample_build import REVISION, task, trace, verdict, write_shard


def remade(store: Path, name: str = "remade") -> Build:
    """Eight tasks, four with a reference by vote; some traces were revised or given hints, and code ran."""
    build = Store.open(store).build(name, "v1")
    rows, calls, revisions, pairs, hintings, hints = [], [], [], [], [], []
    for number in range(8):
        of = _voted(number) if number % 2 else task(number)
        first, wrong = trace(of, 0), trace(of, 1)
        attempts = [(first, verdict(first, "correct")), (wrong, verdict(wrong, "wrong"))]
        if number < 3:
            made = trace(of, 0, parent=first.trace_id, origin="retro_search", thinking="Add.", completion_tokens=7)
            attempts.append((made, verdict(made, "correct")))
            revisions.append(_revision(first, made))
            pairs.append(_pair(first, made))
        if number > 4:
            parent = first.trace_id if number < 7 else None
            text = "Add.\n```python\nprint(1)\n```\n```output\n1\n```\n"
            made = trace(of, 0, parent=parent, origin="cort", thinking=text * 2, completion_tokens=9)
            attempts.append((made, verdict(made, "correct")))
            half, size = len(text), len("```output\n1\n```\n")
            for n, status in enumerate(("ok", "timeout")):
                start, end = (n + 1) * half - size, (n + 1) * half
                calls.append(
                    ToolCall(
                        made.trace_id,
                        of.task_id,
                        n,
                        "print(1)",
                        "1",
                        status,
                        1.0,
                        5,
                        "calculation",
                        start,
                        end,
                        False,
                    )
                )
            hints.append(Hint(made.trace_id, of.task_id, "compute" if parent else "opening", 0, 4))
            hintings.append(_hinting(of, first if parent else None, made))
        rows.append((of, attempts))
    write_shard(build, 0, rows)
    for kind, records in (
        ("tool_calls", calls),
        ("revisions", revisions),
        ("pairs", pairs),
        ("hintings", hintings),
        ("hints", hints),
    ):
        build.write(kind, "00000", records)
    return build


def _voted(number: int) -> Task:
    """A task as the import and the vote of a build leave it: its id is of what came before the vote."""
    of = task(number)
    name = ids.task_id(of.domain, of.prompt, "", of.verifier, ids.canonical_json({"consensus": {"min_share": 0.5}}))
    came_to = {"min_share": 0.5, "share": 0.75, "entropy": 0.5, "votes": 4, "agreeing": 3}
    return replace(of, task_id=name, spec=ids.canonical_json({"consensus": came_to}))


def _revision(before: Trace, after: Trace) -> Revision:
    tokens = (before.completion_tokens, after.completion_tokens)
    return Revision(
        before.trace_id,
        before.task_id,
        after.trace_id,
        "partial",
        "tiny",
        REVISION,
        "revised",
        "",
        2,
        3,
        2,
        *tokens,
        kept=0,
        tried=1,
        accepted=1,
        outcomes="{}",
        points="[]",
        controls="{}",
        prompt_tokens=9,
        completion_tokens=7,
        cached_tokens=0,
        told_tokens=0,
    )


def _pair(before: Trace, after: Trace) -> Pair:
    return Pair(
        before.task_id,
        before.trace_id,
        after.trace_id,
        "",
        after.thinking,
        after.answer,
        0.9,
        after.completion_key,
        before.thinking,
        before.answer,
        0.8,
        None,
        "shorter",
        REVISION,
    )


def _hinting(of: Task, before: Trace | None, after: Trace) -> Hinting:
    return Hinting(
        before.trace_id if before else of.task_id,
        of.task_id,
        before.trace_id if before else None,
        "engineered" if before else "prompt",
        after.trace_id,
        "improved" if before else "prompted",
        before.completion_tokens if before else None,
        after.completion_tokens,
        "{}",
        "tiny",
        REVISION,
    )
