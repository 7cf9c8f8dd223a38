"""What a build came to, for a person, a program and Prefect's page."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from catalog.store import Build
from flows import hint_report, revision_report

_ORDER = {"tasks": 0, "sample": 1, "verify": 2, "revise": 3, "hint": 4, "rft": 5, "dedup": 6}
"""Stages as they follow each other; exports come last."""


@dataclass(frozen=True)
class StageRow:
    """One stage over all shards."""

    stage: str
    unit: str
    rows_in: int
    rows_out: int
    rejects: dict[str, int]
    """Dropped rows by reason."""
    tokens: int
    seconds: float


@dataclass(frozen=True)
class Summary:
    """A build in numbers."""

    build: str
    version: str
    status: str
    path: str
    stages: list[StageRow]
    verdicts: dict[str, int]
    dataset: str
    rows: dict[str, dict[str, int]]
    """Rows a profile and split."""
    revisions: dict[str, Any] | None = None
    """What the stage `revise` came to (see flows.revision_report); None for a recipe without it."""
    hintings: dict[str, Any] | None = None
    """What the stage `hint` came to (see flows.hint_report); None for a recipe without it."""


def summarise(build: Build) -> Summary:
    """Gives a build's numbers, read from its files one part at a time."""
    dropped: dict[tuple[str, str], dict[str, int]] = {}
    for (stage, kind, reason), number in sorted(build.tally("rejects", "stage", "row_kind", "reason").items()):
        unit = "input" if stage == "tasks" else kind
        into = dropped.setdefault((stage, unit), {})
        into[reason] = into.get(reason, 0) + number
    rows: dict[tuple[str, str], StageRow] = {}
    for count in build.iter_rows("stages"):
        key = (count.stage, count.unit)
        row = rows.get(key) or StageRow(*key, 0, 0, dropped.get(key, {}), 0, 0.0)
        rows[key] = StageRow(
            *key,
            row.rows_in + count.rows_in,
            row.rows_out + count.rows_out,
            row.rejects,
            row.tokens + count.prompt_tokens + count.completion_tokens,
            row.seconds + count.seconds,
        )
    manifest = build.read_manifest()
    return Summary(
        build=build.name,
        version=build.version,
        status=manifest.status if manifest else "running",
        path=build.path,
        stages=sorted(rows.values(), key=lambda row: (_ORDER.get(row.stage, 9), row.stage, row.unit)),
        verdicts={verdict: number for (verdict,), number in build.tally("verdicts", "verdict").most_common()},
        dataset=f"{build.path}/dataset",
        rows=dict(manifest.exports) if manifest else {},
        revisions=_revisions(build),
        hintings=_hintings(build),
    )


def _revisions(build: Build) -> dict[str, Any] | None:
    if not build.parts("revisions"):
        return None
    return revision_report.report(build.iter_rows("revisions")).as_dict()


def _hintings(build: Build) -> dict[str, Any] | None:
    if not build.parts("hintings"):
        return None
    return hint_report.report(build.iter_rows("hintings")).as_dict()


def from_dict(values: dict[str, Any]) -> Summary:
    """Gives back a summary from `dataclasses.asdict` of one."""
    return Summary(**{**values, "stages": [StageRow(**row) for row in values["stages"]]})


def _cells(summary: Summary) -> Iterable[tuple[str, ...]]:
    for row in summary.stages:
        reasons = ", ".join(f"{reason} {number:,}" for reason, number in row.rejects.items())
        name = f"{row.stage} ({row.unit}s)"
        yield name, f"{row.rows_in:,}", f"{row.rows_out:,}", reasons, f"{row.tokens:,}" if row.tokens else "", _s(row)


def _s(row: StageRow) -> str:
    return f"{row.seconds:,.1f}"


_HEADS = ("stage", "rows in", "rows out", "rejects", "tokens", "seconds")


def as_markdown(summary: Summary) -> str:
    """Gives the table as Markdown."""
    lines = [f"## {summary.build}@{summary.version}: {summary.status}", ""]
    lines += ["| " + " | ".join(_HEADS) + " |", "|---" * len(_HEADS) + "|"]
    lines += ["| " + " | ".join(cells) + " |" for cells in _cells(summary)]
    lines += ["", "Verdicts: " + _verdicts(summary), "", "Dataset: " + _rows(summary)]
    lines += [f"\n{stage.capitalize()}: {line}" for stage, line in _told(summary)]
    return "\n".join(lines)


def print_table(summary: Summary, store: str | None) -> None:
    """Prints the table, the verdicts, where the dataset is, and three commands to go on with.

    `store` is what the user gave as --store, None where he gave none.
    """
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{summary.build}@{summary.version}: {summary.status}", title_justify="left")
    for head in _HEADS:
        table.add_column(head, justify="left" if head in ("stage", "rejects") else "right", overflow="fold")
    for cells in _cells(summary):
        table.add_row(*cells)
    console = Console(soft_wrap=False)
    console.print(table)
    print(f"verdicts  {_verdicts(summary)}")
    for stage, line in _told(summary):
        print(f"{stage:<9} {line}")
    print(f"dataset   {summary.dataset}  ({_rows(summary)})")
    name = f"{summary.build}@{summary.version}"
    there = f" --store {store}" if store else ""
    print(
        "\nTry next:\n"
        f'  reasonmill sql{there} "select verdict, count(*), avg(completion_tokens) from traces '
        'join verdicts using (trace_id) group by all"\n'
        f"  reasonmill why{there} $(reasonmill sql{there} --format csv "
        "\"select row_id from rejects where row_kind = 'trace' limit 1\" | tail -1)\n"
        f"  reasonmill train{there} {name}"
    )


def _told(summary: Summary) -> list[tuple[str, str]]:
    """What the stages that make traces from traces say, a stage and a line each."""
    told: list[tuple[str, str]] = []
    if summary.revisions is not None:
        found = revision_report.from_dict(summary.revisions)
        told += [("revise", line) for line in revision_report.lines(found)]
    if summary.hintings is not None:
        told += [("hint", line) for line in hint_report.lines(hint_report.from_dict(summary.hintings))]
    return told


def _verdicts(summary: Summary) -> str:
    return ", ".join(f"{verdict} {number:,}" for verdict, number in summary.verdicts.items()) or "none"


def _rows(summary: Summary) -> str:
    return "; ".join(
        f"{profile}: " + ", ".join(f"{split} {number:,}" for split, number in splits.items())
        for profile, splits in summary.rows.items()
    )
