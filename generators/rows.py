"""Rows of a problem set, streamed: a JSONL file (plain or gzip), a Parquet file, or a `datasets` id.

A line that cannot be read is a row with a reason and the rest goes on; what stops the reading (no such file, a
damaged archive, a Hub that does not answer) is a UserError. Lines without anything but blanks are no rows.
"""

import gzip
import json
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from catalog.errors import UserError

MAX_LINE = 4_000_000
"""Bytes of a line of JSONL; a longer one is skipped unread, so that a file without line ends fits in memory."""

MAX_EXCERPT = 200
"""Characters of a line that are kept to show what was wrong with it."""

_BATCH = 256
"""Rows of a Parquet file that are held at once."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its values by column, or the reason why there are none."""

    number: int
    """Line of a JSONL file, row of anything else; the first is 1."""
    values: dict[str, Any] | None
    excerpt: str
    """The beginning of the line; empty for what does not come as text."""
    reason: str = ""
    """invalid_utf8, invalid_json, not_an_object, too_long or wrong_type, where there are no values."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Hub:
    """A data set that the `datasets` library finds: a Hub id, or a local folder that it can read."""

    dataset: str
    config: str | None
    split: str


Source = Path | Hub


def read(source: Source, columns: Collection[str]) -> Iterator[Row]:
    """Gives the rows in their order; of a Parquet file, only these columns.

    Raises UserError where the source does not exist, is of no known form, or breaks off.
    """
    if isinstance(source, Hub):
        return _read_hub(source)
    if source.name.endswith((".jsonl", ".jsonl.gz")):
        return _read_jsonl(source)
    if source.name.endswith(".parquet"):
        return _read_parquet(source, columns)
    raise UserError(f"{source.name} is no problem set: give a file that ends in .jsonl, .jsonl.gz or .parquet.")


def columns(source: Source, wanted: Collection[Collection[str]], limit: int | None) -> list[str]:
    """Gives the columns that the first `limit` rows have, in the order in which they turn up.

    A JSONL file is read until each of `wanted`, groups of columns of which one is enough, has turned up; usually that
    is its first line. Raises UserError like `read`.
    """
    if isinstance(source, Path) and source.name.endswith(".parquet"):
        return _parquet_columns(source)
    rows = (row.values for row in read(source, ()) if row.values is not None)
    if isinstance(source, Hub):  # all rows have the same columns
        return list(next(rows, {}))
    found: dict[str, None] = {}
    for values in islice(rows, limit):
        found.update(dict.fromkeys(values))
        if all(any(column in found for column in group) for group in wanted):
            break
    return list(found)


def _read_jsonl(path: Path) -> Iterator[Row]:
    number = 0
    try:
        with gzip.open(path) if path.name.endswith(".gz") else path.open("rb") as file:
            while line := file.readline(MAX_LINE):
                number += 1
                if len(line) == MAX_LINE and not line.endswith(b"\n"):
                    while (more := file.readline(MAX_LINE)) and not more.endswith(b"\n"):
                        pass
                    excerpt = line[:MAX_EXCERPT].decode("utf-8", "replace")
                    yield Row(number, None, excerpt, "too_long", f"a line of {MAX_LINE} bytes or more")
                elif not line.isspace():
                    yield _parse(number, line)
    except FileNotFoundError:
        raise _missing(path) from None
    except (OSError, EOFError, zlib.error, ValueError) as error:
        where = f" after line {number}" if number else ""
        raise UserError(f"{path} cannot be read{where} ({error}): replace the file.") from error


def _parse(number: int, line: bytes) -> Row:
    excerpt = line[: 4 * MAX_EXCERPT].decode("utf-8", "replace").rstrip()[:MAX_EXCERPT]
    try:
        text = line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        return Row(number, None, excerpt, "invalid_utf8", f"byte {error.start + 1} of the line is not UTF-8")
    try:
        values = json.loads(text)
    except RecursionError:
        return Row(number, None, excerpt, "invalid_json", "nested too deeply")
    except ValueError as error:
        return Row(number, None, excerpt, "invalid_json", str(error))
    if not isinstance(values, dict):
        return Row(number, None, excerpt, "not_an_object", f"a JSON {type(values).__name__}, not an object")
    return Row(number, values, excerpt)


def _parquet_columns(path: Path) -> list[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            return list(file.schema_arrow.names)
    except FileNotFoundError:
        raise _missing(path) from None
    except (OSError, ValueError, pa.ArrowException) as error:
        raise _not_parquet(path, error) from error


def _read_parquet(path: Path, columns: Collection[str]) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(path) as file:
            present = [name for name in file.schema_arrow.names if name in columns]
            for batch in file.iter_batches(_BATCH, columns=present):
                for row in _rows(batch, number):
                    number = row.number
                    yield row
    except FileNotFoundError:
        raise _missing(path) from None
    except (OSError, ValueError, pa.ArrowException) as error:
        raise _not_parquet(path, error) from error


def _rows(batch: Any, before: int) -> Iterator[Row]:
    try:
        for number, values in enumerate(batch.to_pylist(), before + 1):
            yield Row(number, values, "")
    except ValueError:  # one value that Python cannot hold spoils the conversion of the whole batch: find its row
        for index in range(batch.num_rows):
            try:
                yield Row(before + index + 1, batch.slice(index, 1).to_pylist()[0], "")
            except UnicodeDecodeError:
                yield Row(before + index + 1, None, "", "invalid_utf8", "a text of the row is not UTF-8")
            except ValueError as error:
                yield Row(before + index + 1, None, "", "wrong_type", str(error))


def _read_hub(source: Hub) -> Iterator[Row]:
    import datasets

    try:
        rows = datasets.load_dataset(source.dataset, source.config, split=source.split, streaming=True)
        for number, values in enumerate(rows, 1):
            yield Row(number, values, "")
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        named = f"{source.dataset!r}" + (f", config {source.config!r}" if source.config else "")
        raise UserError(
            f"The data set {named}, split {source.split!r}, cannot be read ({_first_line(error)}): check "
            "its id, config and split and the way to the Hub, or download it and name the file as `path`."
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]


def _missing(path: Path) -> UserError:
    near = ""
    if path.parent.is_dir():
        import difflib

        found = difflib.get_close_matches(path.name, [entry.name for entry in islice(path.parent.iterdir(), 1000)], 1)
        near = f"; the folder has {found[0]}" if found else ""
    return UserError(f"There is no file {path}{near}: correct `path` in the recipe (it is relative to the recipe).")


def _not_parquet(path: Path, error: Exception) -> UserError:
    return UserError(f"{path} cannot be read as Parquet ({_first_line(error)}): replace the file.")
