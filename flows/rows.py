"""Rows of a file, one at a time: JSONL (also .gz) and Parquet, in and out."""

import gzip
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any, Protocol

from catalog.errors import UserError

MAX_LINE_CHARACTERS = 100_000_000
"""A longer line is no row: it would only fill the memory."""


def read_rows(path: str | Path) -> Iterator[dict[str, Any]]:
    """Gives the rows of a file in order, streaming. Raises UserError for a missing file or a broken line."""
    path = Path(path)
    if not path.is_file():
        raise UserError(f"There is no file {path}: give a JSONL (also .gz) or Parquet file.")
    if path.suffix == ".parquet":
        yield from _parquet(path)
        return
    opener: Any = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as file:
        for number, line in enumerate(_lines(file, path), 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                raise UserError(f"{path}, line {number}: not a JSON value; mend or delete the line.") from None
            if not isinstance(row, dict):
                raise UserError(f"{path}, line {number}: not a JSON object; mend or delete the line.")
            yield row


def read_chunks(path: str | Path, size: int) -> Iterator[list[dict[str, Any]]]:
    """Gives the rows of a file in order, `size` at a time. Raises what `read_rows` raises."""
    rows = read_rows(path)
    while batch := list(islice(rows, size)):
        yield batch


def _lines(file: IO[bytes], path: Path) -> Iterator[bytes]:
    try:
        while line := file.readline(MAX_LINE_CHARACTERS):
            yield line
    except (OSError, EOFError) as error:
        raise UserError(f"{path} cannot be read ({error}): is it whole?") from None


def _parquet(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(1024):
                yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path} is not a whole Parquet file ({str(error).splitlines()[0]}).") from None


class RowWriter(Protocol):
    """Where rows go."""

    def write(self, row: dict[str, Any]) -> None: ...


@contextmanager
def writing_rows(path: str | Path) -> Iterator[RowWriter]:
    """Gives a writer; the file appears by rename when the block ends well, and not at all when it does not."""
    path = Path(path)
    staging = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        file = staging.open("wb")
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror}): choose another place with -o.") from None
    try:
        with file:
            writer: _Jsonl | _Parquet
            if path.suffix == ".parquet":
                writer = _Parquet(file)
            elif path.suffix == ".gz":
                writer = _Jsonl(gzip.GzipFile(fileobj=file, mode="wb", mtime=0))
            else:
                writer = _Jsonl(file)
            yield writer
            writer.close()
        try:
            staging.replace(path)
        except OSError as error:
            raise UserError(f"{path} cannot be written ({error.strerror}): choose another place with -o.") from None
    finally:
        staging.unlink(missing_ok=True)


class _Jsonl:
    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, row: dict[str, Any]) -> None:
        try:
            line = json.dumps(row, ensure_ascii=False, default=str).encode()
        except UnicodeEncodeError:  # half a surrogate pair is no UTF-8, but an escape can hold it
            line = json.dumps(row, default=str).encode()
        self._file.write(line + b"\n")

    def close(self) -> None:
        if isinstance(self._file, gzip.GzipFile):
            self._file.close()


class _Parquet:
    """Rows gathered into row groups; the first group's columns and types hold for the file."""

    _GROUP = 4096

    def __init__(self, file: Any) -> None:
        self._file = file
        self._rows: list[dict[str, Any]] = []
        self._writer: Any = None

    def write(self, row: dict[str, Any]) -> None:
        self._rows.append(row)
        if len(self._rows) >= self._GROUP:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pa.Table.from_pylist(self._rows, self._writer.schema if self._writer else None)
        except (pa.ArrowException, UnicodeEncodeError, OverflowError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"These rows are no Parquet table ({reason}): write JSONL, which holds any row.") from None
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._file, table.schema, compression="zstd")
        self._writer.write_table(table)
        self._rows = []

    def close(self) -> None:
        if self._rows or self._writer is None:
            self._flush()
        self._writer.close()
