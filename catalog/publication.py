"""The files of a published dataset: Parquet per profile and split, manifest, recipe and card, in one folder.

The same build gives the same bytes, wherever it is published.
"""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from catalog.arrow_dataset import read_batches, read_schema, sha256
from catalog.card import card, published_splits
from catalog.errors import UserError
from catalog.facts import Facts, gather
from catalog.files import is_local, locate
from catalog.manifest import Manifest
from catalog.store import Build
from catalog.toml_text import to_toml

ROW_GROUP_ROWS = 10_000
ROW_GROUP_BYTES = 64 << 20
"""A row group is closed at either limit; readers fetch a group at a time."""

FILE_BYTES = 1 << 30
"""A file is closed past this size in memory, before compression."""

_CREDENTIALS = re.compile(r"(?<=://)[^/@\s\"]+@")


def write_publication(build: Build, folder: Path, place: str) -> Facts:
    """Writes all files of the build's publication into the empty folder `folder`.

    `place` is what a reader gives to `load_dataset`. Raises UserError for a build that is not complete, or whose
    dataset is not what its manifest says.
    """
    manifest = _finished(build)
    with _local_dataset(build) as dataset:
        _check(build, manifest, dataset)
        facts = gather(build, dataset)
        for profile, splits in published_splits(facts).items():
            (folder / profile).mkdir()
            for split in splits:
                _write_parquet(dataset / profile / split, folder / profile, split)
    # A server's address may carry a password; nothing else of a recipe can.
    shown = Manifest.model_validate_json(_CREDENTIALS.sub("", manifest.model_dump_json()))
    (folder / "manifest.json").write_text(shown.model_dump_json(indent=2) + "\n", encoding="utf-8")
    (folder / "recipe.toml").write_text(to_toml(shown.recipe), encoding="utf-8")
    (folder / "README.md").write_text(card(shown, facts, place), encoding="utf-8")
    return facts


def _finished(build: Build) -> Manifest:
    manifest = build.read_manifest()
    status = manifest.status if manifest else "not begun"
    if manifest is None or status != "complete":
        raise UserError(
            f"The build {build} is {status}, not complete: finish it with `reasonmill build` on its recipe, then "
            "publish it."
        )
    return manifest


@contextmanager
def _local_dataset(build: Build) -> Iterator[Path]:
    fs, root, _ = locate(build.path)
    if is_local(fs):
        yield Path(root) / "dataset"
        return
    with tempfile.TemporaryDirectory(prefix="reasonmill-") as folder:
        for name in fs.find(f"{root}/dataset"):
            target = Path(folder) / name.removeprefix(f"{root}/dataset/")
            target.parent.mkdir(parents=True, exist_ok=True)
            fs.get_file(name, str(target))
        yield Path(folder)


def _check(build: Build, manifest: Manifest, dataset: Path) -> None:
    """Raises UserError where the dataset's files are not those that the export wrote."""
    for name, expected in manifest.checksums.items():
        path = dataset / name
        if not path.is_file() or sha256(path) != expected:
            raise UserError(
                f"{path} is {'not as the export wrote it' if path.is_file() else 'missing'}: remove "
                f"{dataset} and run `reasonmill build` on the recipe of {build} again."
            )
    if not dataset.is_dir():
        raise UserError(f"The build {build} has no dataset: run `reasonmill build` on its recipe again.")


def _write_parquet(split_folder: Path, folder: Path, split: str) -> None:
    files: list[Path] = []
    writer: pq.ParquetWriter | None = None
    schema, size = read_schema(split_folder), 0
    for table in _row_groups(split_folder):
        if writer is None:
            files.append(folder / f"{split}-{len(files):05d}.parquet")
            writer = pq.ParquetWriter(files[-1], schema, compression="zstd")
        writer.write_table(table, row_group_size=len(table))
        size += table.nbytes
        if size >= FILE_BYTES:
            writer.close()
            writer, size = None, 0
    if writer is not None:
        writer.close()
    for i, path in enumerate(files):
        path.rename(folder / f"{split}-{i:05d}-of-{len(files):05d}.parquet")


def _row_groups(split_folder: Path) -> Iterator[pa.Table]:
    held: list[pa.RecordBatch] = []
    for batch in read_batches(split_folder):
        held.append(batch)
        if sum(map(len, held)) >= ROW_GROUP_ROWS or sum(b.nbytes for b in held) >= ROW_GROUP_BYTES:
            yield pa.Table.from_batches(held)
            held = []
    if held:
        yield pa.Table.from_batches(held)
