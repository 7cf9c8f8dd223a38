"""Where a dataset's rows come from: references by vote, revisions, hints and runs of code, counted from its files."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from catalog.store import Build
from catalog.votes import CONSENSUS, spec_before_vote

WAYS = {
    "sampled": "sampled",
    "procedural": "procedural",
    "retro_search": "revised",
    "cort": "hinted",
}
"""What a trace of each origin is called on the card; one of `cort` without a parent was asked for code."""

MASKS = ("tool_output", "chosen_tool_output", "rejected_tool_output")
"""Columns that say where a tool wrote."""


@dataclass(slots=True)
class Rows:
    """Counts over one profile's rows."""

    rows: int = 0
    voted: int = 0
    """Rows whose reference is a majority vote."""
    ways: Counter[str] = field(default_factory=Counter)
    """Rows by how their trace was made; empty for a profile whose rows are no single trace."""
    shorter: int = 0
    """Pairs of which both responses are right."""
    with_output: int = 0
    """Rows in which a tool wrote something."""
    outputs: int = 0
    """Pieces of tool output in them."""

    def add(self, batch: pa.RecordBatch) -> None:
        names = batch.schema.names
        self.rows += len(batch)
        self.voted += sum(map(_is_voted, _asking(batch)))
        if "origin" in names:
            parents = batch["parent"].to_pylist()
            self.ways.update(map(_way, batch["origin"].to_pylist(), parents))
        if "reason" in names:
            self.shorter += batch["reason"].to_pylist().count("shorter")
        masks = [batch[name].to_pylist() for name in MASKS if name in names]
        for spans in zip(*masks, strict=True):
            pieces = sum(len(one or ()) for one in spans)
            self.with_output += pieces > 0
            self.outputs += pieces


@dataclass(frozen=True, slots=True)
class Remade:
    """What a stage made of traces, summed over those with the same way, teacher and outcome."""

    n: int = 0
    tokens_before: int = 0
    tokens_after: int = 0

    def __add__(self, other: "Remade") -> "Remade":
        before, after = self.tokens_before + other.tokens_before, self.tokens_after + other.tokens_after
        return Remade(self.n + other.n, before, after)


@dataclass(frozen=True, slots=True)
class Transformations:
    """What a build's stages made of its traces and tasks, whether a profile took it or not."""

    revisions: Mapping[tuple[str, str, str], Remade]
    """By mode, reviser's model and outcome."""
    hintings: Mapping[tuple[str, str, str], Remade]
    """By strategy, teacher's model and outcome."""
    hints: Counter[str]
    """By kind."""
    runs: Counter[tuple[str, str]]
    """Runs of code by kind and status."""


def transformations(build: Build) -> Transformations:
    """Counts what the stages `revise` and `hint` of a build made; holds a shard's rows at a time."""
    return Transformations(
        revisions=_summed((row.mode, row.revision, row.reason, row) for row in build.iter_rows("revisions")),
        hintings=_summed((row.strategy, row.revision, row.reason, row) for row in build.iter_rows("hintings")),
        hints=Counter(row.kind for row in build.iter_rows("hints")),
        runs=Counter((row.kind, row.status) for row in build.iter_rows("tool_calls")),
    )


def _summed(rows: Iterable[tuple[str, str, str, Any]]) -> dict[tuple[str, str, str], Remade]:
    sums: dict[tuple[str, str, str], Remade] = {}
    for way, revision, reason, row in rows:
        key = (way, revision, reason)
        sums[key] = sums.get(key, Remade()) + Remade(1, row.tokens_before or 0, row.tokens_after or 0)
    return sums


def _way(origin: str, parent: str | None) -> str:
    return "asked for code" if origin == "cort" and parent is None else WAYS.get(origin, origin)


def _asking(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Gives the few columns that tell of a vote, of the rows that may have had one."""
    spoken = "messages" if "messages" in batch.schema.names else "prompt"
    columns = ("task_id", "domain", "verifier", "spec", "reference", spoken)
    table = pa.table({name: batch[name] for name in columns})
    rows = table.filter(pc.match_substring(table["spec"], f'"{CONSENSUS}"')).to_pylist()
    return [row | {"prompt": row[spoken][0]["content"]} for row in rows]


def _is_voted(row: dict[str, Any]) -> bool:
    spec = spec_before_vote(row["task_id"], row["domain"], row["prompt"], row["verifier"], row["spec"])
    return bool(row["reference"]) and spec is not None
