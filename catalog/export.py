"""A build's rows become datasets: per profile a DatasetDict on disk, and a reject for each row that it leaves out.

Reads the build shard by shard and never holds more than one. The same rows give the same bytes, in whatever order the
shards were finished.
"""

import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fsspec.implementations.local import LocalFileSystem

from catalog.arrow_dataset import SplitWriter, sha256, write_dataset_dict
from catalog.files import explained, is_local, locate
from catalog.ledger import count
from catalog.profiles import PROFILES, SPLITS, split_of
from catalog.profiles.attempts import DroppedRows, TaskAttempts, read_shard
from catalog.records import Reject, StageCount
from catalog.settings import ExportSettings
from catalog.store import Build, Store

REJECTS_PER_PART = 10_000
"""Rejects held in memory, per profile, before they are written as one part."""


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What an export wrote, and what it left out."""

    rows: dict[str, dict[str, int]]
    """Rows per profile and split."""
    left_out: dict[str, dict[str, int]]
    """Per profile and reason, the traces (for `rl`, the tasks) that are in no row; the rejects say which."""
    checksums: dict[str, str]
    """SHA-256 of each file of the dataset, by its path relative to the dataset folder."""
    counts: tuple[StageCount, ...]
    """The ledger's lines, one a profile."""


def export(build: Build, settings: ExportSettings) -> ExportResult:
    """Writes `dataset/<profile>/` of a build, in place of what an earlier export left there.

    Everything is written beside its place first and moved in at the end, the ledger's line last: an export that was
    killed leaves the earlier dataset, or none, and is to be run again. Hold the build's lock. For a store that is not
    on this machine the dataset is written to a temporary folder and uploaded. Raises ConservationError where rows go
    missing.
    """
    started = time.monotonic()
    with explained(build.path), _staging(build) as folder:
        scratch = Store(str(folder), str(folder), LocalFileSystem()).build("staged", "rejects")
        profiles = [_Profile(name, settings, folder / "dataset", scratch) for name in sorted(set(settings.profiles))]
        dropped = DroppedRows.of(build)
        for part in build.parts("tasks"):
            for group in read_shard(build, part, dropped):
                split = split_of(group.task.task_id, settings.test_fraction)
                for profile in profiles:
                    profile.take(group, split)
        for profile in profiles:
            profile.close()
        checksums = _checksums(folder / "dataset")
        seconds = round(time.monotonic() - started, 3)
        counts = tuple(profile.count(seconds) for profile in profiles)
        _move_in(build, folder / "dataset", Path(scratch.path) / "rejects", counts)
    return ExportResult(
        rows={p.name: {split: p.writers[split].rows for split in SPLITS} for p in profiles},
        left_out={p.name: dict(sorted(p.reasons.items())) for p in profiles},
        checksums=checksums,
        counts=counts,
    )


@dataclass
class _Profile:
    """One profile while the shards go by."""

    name: str
    settings: ExportSettings
    folder: Path
    """The dataset folder that is being written."""
    scratch: Build
    """Takes the rejects until the export is complete."""
    seen: int = 0
    taken: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    rejects: list[Reject] = field(default_factory=list)
    parts: int = 0

    def __post_init__(self) -> None:
        self.shape = PROFILES[self.name]
        folder = self.folder / self.name
        self.writers = {split: SplitWriter(folder / split, split, self.shape.schema) for split in SPLITS}

    def take(self, group: TaskAttempts, split: str) -> None:
        selection = self.shape.choose(group, self.settings.max_per_task)
        self.seen += 1 if self.shape.unit == "task" else len(group.attempts)
        self.taken += selection.taken
        for row in selection.rows:
            self.writers[split].add(row)
        self.reasons.update(reject.reason for reject in selection.left_out)
        self.rejects += selection.left_out
        while len(self.rejects) >= REJECTS_PER_PART:
            self._write_rejects()

    def close(self) -> None:
        for writer in self.writers.values():
            writer.close()
        write_dataset_dict(self.folder / self.name, SPLITS)
        if self.rejects:
            self._write_rejects()

    def count(self, seconds: float) -> StageCount:
        return count(
            f"export_{self.name}",
            -1,
            self.shape.unit,
            rows_in=self.seen,
            rows_out=self.taken,
            rejects=self.reasons.total(),
            seconds=seconds,
        )

    def _write_rejects(self) -> None:
        part, self.rejects = self.rejects[:REJECTS_PER_PART], self.rejects[REJECTS_PER_PART:]
        self.scratch.write("rejects", f"export-{self.name}-{self.parts:05d}", part)
        self.parts += 1


def _checksums(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256(path) for path in files}


@contextmanager
def _staging(build: Build) -> Iterator[Path]:
    """A folder to write into: inside the build where that is local, so that renames move things to their place."""
    fs, root, _ = locate(build.path)
    if is_local(fs):
        Path(root).mkdir(parents=True, exist_ok=True)
        for left_behind in Path(root).glob(".export-*"):
            shutil.rmtree(left_behind, ignore_errors=True)
    folder = tempfile.mkdtemp(prefix=".export-", dir=root if is_local(fs) else None)
    try:
        (Path(folder) / "dataset").mkdir()
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _move_in(build: Build, dataset: Path, rejects: Path, counts: tuple[StageCount, ...]) -> None:
    """Puts what was staged in the place of what an earlier export left."""
    build.remove("stages", "export")  # until it stands again, the export counts as not done
    for part in build.parts("rejects"):
        if part.startswith("export-"):
            build.remove("rejects", part)
    fs, root, _ = locate(build.path)
    if is_local(fs):
        target = Path(root) / "rejects"
        target.mkdir(exist_ok=True)
        for file in sorted(rejects.glob("*.parquet")):
            os.replace(file, target / file.name)
        target = Path(root) / "dataset"
        if target.exists():
            target.rename(dataset.with_name("replaced"))
        dataset.rename(target)
    else:
        if fs.exists(f"{root}/dataset"):
            fs.rm(f"{root}/dataset", recursive=True)
        for folder, place in ((rejects, f"{root}/rejects"), (dataset, f"{root}/dataset")):
            for file in sorted(path for path in folder.rglob("*") if path.is_file()):
                name = f"{place}/{file.relative_to(folder).as_posix()}"
                fs.makedirs(name.rpartition("/")[0], exist_ok=True)
                fs.put_file(str(file), name)
    build.write("stages", "export", counts)
