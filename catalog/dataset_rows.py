"""Where a task or trace is in an exported dataset, or why it is not; found by the columns that hold ids."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from fsspec.spec import AbstractFileSystem

from catalog.files import is_local, locate, names


@dataclass(frozen=True)
class Place:
    """A row of one profile, or the reason why there is none."""

    profile: str
    split: str | None
    row: int | None
    """Counted from 0 within the split."""
    column: str | None
    """The column that names it."""
    absent: str
    """Why it is in no row; empty where it is in one."""


def places(
    build: str, trace_ids: Sequence[str], task_ids: Sequence[str], rejects: Sequence[dict[str, Any]], status: str
) -> list[Place]:
    """Gives the places of a task (no trace ids) or of traces in each profile of a build.

    `build` is the path or URL of its folder, `rejects` those of these rows, `status` the build's. In a profile without
    traces (`rl`), a trace is where its task is.
    """
    fs, root, _ = locate(f"{build}/dataset")
    found: list[Place] = []
    for profile in names(fs, root):
        rows = list(_find(fs, f"{root}/{profile}", profile, trace_ids, task_ids))
        found += rows or [Place(profile, None, None, None, _absence(profile, rejects))]
    if not found:
        found.append(Place("", None, None, None, f"nothing is exported yet: the build is {status}"))
    return found


def _absence(profile: str, rejects: Sequence[dict[str, Any]]) -> str:
    here = [row for row in rejects if row["stage"] == f"export_{profile}"]
    before = [row for row in rejects if not row["stage"].startswith("export_") and row["row_kind"] != "revision"]
    for row in here or before:
        where = "left out" if here else f"dropped by {row['stage']}"
        return f"{where}: {row['reason']}" + (f" ({row['detail']})" if row["detail"] else "")
    return "not in it"


def _find(
    fs: AbstractFileSystem, folder: str, profile: str, trace_ids: Sequence[str], task_ids: Sequence[str]
) -> Iterator[Place]:
    for split in names(fs, folder):
        first = 0
        for file in names(fs, f"{folder}/{split}", ".arrow"):
            for batch in _batches(fs, f"{folder}/{split}/{file}"):
                traced = [name for name in batch.schema.names if name.endswith("trace_id")]
                columns, ids = (traced, trace_ids) if traced and trace_ids else (["task_id"], task_ids)
                for column in columns:
                    if column in batch.schema.names:
                        hits = pc.is_in(batch[column], pa.array(ids, pa.string()))
                        for at in pc.indices_nonzero(hits).to_pylist():
                            yield Place(profile, split, first + at, column, "")
                first += len(batch)


def _batches(fs: AbstractFileSystem, path: str) -> Iterator[pa.RecordBatch]:
    source = pa.memory_map(path) if is_local(fs) else pa.BufferReader(fs.cat_file(path))
    with source, pa.ipc.open_stream(source) as stream:
        yield from stream
