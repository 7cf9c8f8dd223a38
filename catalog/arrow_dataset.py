"""Writes a dataset split as `datasets.load_from_disk` reads it, row by row, without importing `datasets`.

The layout is that of `Dataset.save_to_disk` of datasets 5: Arrow IPC streams, dataset_info.json and state.json. The
bytes depend on the rows and their order alone. What `save_to_disk` cannot do and this can: a split without rows.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

BATCH_ROWS = 1_000
BATCH_CHARACTERS = 4 << 20
"""A record batch is closed at either limit: large enough to read fast, small enough to keep memory flat."""

FILE_BYTES = 500 << 20
"""A data file is closed past this size in memory; the library's own default."""


class SplitWriter:
    """A split of a dataset on its way into a folder."""

    def __init__(self, folder: Path, split: str, schema: pa.Schema):
        """`folder` must not exist yet; field metadata of `schema` is not written."""
        folder.mkdir(parents=True)
        self._folder = folder
        self._split = split
        self._features = {field.name: _feature(field.type) for field in schema}
        info = json.dumps({"info": {"features": self._features}})
        self._schema = pa.schema([(f.name, f.type) for f in schema], metadata={"huggingface": info})
        self._rows: list[dict[str, Any]] = []
        self._characters = 0
        self._files: list[Path] = []
        self._stream: pa.RecordBatchStreamWriter | None = None
        self._bytes = 0
        self.rows = 0

    def add(self, row: dict[str, Any]) -> None:
        """Takes one row, keyed by column."""
        self._rows.append(row)
        self._characters += _characters(row)
        self.rows += 1
        if len(self._rows) >= BATCH_ROWS or self._characters >= BATCH_CHARACTERS:
            self._write_batch()

    def close(self) -> None:
        """Finishes the folder."""
        if self._rows:
            self._write_batch()
        if not self._files:
            self._open()  # a file without rows: the loader cannot read a split without files
        self._close_file()
        names = [f"data-{i:05d}-of-{len(self._files):05d}.arrow" for i in range(len(self._files))]
        content = hashlib.sha256()
        for path, name in zip(self._files, names, strict=True):
            content.update(bytes.fromhex(sha256(path)))
            path.rename(self._folder / name)
        state: dict[str, Any] = {
            "_data_files": [{"filename": name} for name in names],
            "_fingerprint": content.hexdigest()[:16],
            "_format_columns": None,
            "_format_kwargs": {},
            "_format_type": None,
            "_output_all_columns": False,
            "_split": self._split,
        }
        info = {"citation": "", "description": "", "features": self._features, "homepage": "", "license": ""}
        _write_json(self._folder / "state.json", state)
        _write_json(self._folder / "dataset_info.json", info)

    def _write_batch(self) -> None:
        batch = pa.RecordBatch.from_pylist(self._rows, self._schema)
        self._rows, self._characters = [], 0
        stream = self._stream or self._open()
        stream.write_batch(batch)
        self._bytes += batch.nbytes
        if self._bytes >= FILE_BYTES:
            self._close_file()

    def _open(self) -> pa.RecordBatchStreamWriter:
        path = self._folder / f"data-{len(self._files):05d}.arrow"  # how many there will be is not known yet
        self._files.append(path)
        self._stream = pa.ipc.new_stream(str(path), self._schema)
        return self._stream

    def _close_file(self) -> None:
        if self._stream is not None:
            self._stream.close()
        self._stream, self._bytes = None, 0


def write_dataset_dict(folder: Path, splits: tuple[str, ...]) -> None:
    """Makes a folder of splits one DatasetDict."""
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": list(splits)}), encoding="utf-8")


def read_batches(split_folder: Path) -> Iterator[pa.RecordBatch]:
    """Gives the rows of a split, a record batch at a time."""
    state = json.loads((split_folder / "state.json").read_text(encoding="utf-8"))
    for entry in state["_data_files"]:
        with pa.OSFile(str(split_folder / entry["filename"])) as file, pa.ipc.open_stream(file) as stream:
            yield from stream


def read_schema(split_folder: Path) -> pa.Schema:
    """Gives the columns of a split, as they stand in its first file."""
    state = json.loads((split_folder / "state.json").read_text(encoding="utf-8"))
    with pa.OSFile(str(split_folder / state["_data_files"][0]["filename"])) as file:
        return pa.ipc.open_stream(file).schema


def sha256(path: Path) -> str:
    """Gives the hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _feature(kind: pa.DataType) -> Any:
    """Gives an Arrow type in the form that `datasets` keeps in its JSON files."""
    if pa.types.is_struct(kind):
        return {field.name: _feature(field.type) for field in kind}
    if pa.types.is_list(kind):
        return {"feature": _feature(kind.value_type), "_type": "List"}
    names = {pa.string(): "string", pa.int64(): "int64", pa.float64(): "float64", pa.bool_(): "bool"}
    return {"dtype": names[kind], "_type": "Value"}


def _characters(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(map(_characters, value.values()))
    return sum(map(_characters, value)) if isinstance(value, list) else 8


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2), encoding="utf-8")
