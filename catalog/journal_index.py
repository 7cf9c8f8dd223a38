"""Finding completions without reading them: fixed records beside each segment of the journal, sorted arrays in memory.

An index file is a row of blocks, each of a header (mark, number of records, CRC-32) and its records. It can always be
made again from its segment, so a block that does not check ends the reading of the file and nothing more.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import BinaryIO, NamedTuple

import numpy as np
import orjson

_HEADER = struct.Struct("<4sII")
_MARK = b"rmj1"
_RECORD = struct.Struct("<16sQIIIB")
ENTRY = np.dtype(
    [
        ("high", ">u8"),
        ("low", ">u8"),
        ("offset", "<u8"),
        ("length", "<u4"),
        ("tokens", "<u4"),
        ("max_tokens", "<u4"),
        ("cut", "u1"),
    ]
)
"""One line of a segment: key (128 bits), where it lies, completion tokens, token limit, 1 if cut off by the limit."""

_ROW = np.dtype(
    [
        ("low", "<u8"),
        ("offset", "<u8"),
        *[(n, "<u4") for n in ("length", "tokens", "max_tokens", "segment")],
        ("cut", "u1"),
    ]
)

_CHUNK = 1 << 22
"""Bytes of a segment that are in memory at a time while its index is made."""


class Damage(NamedTuple):
    """A line of a segment that is no completion and not the torn end of one."""

    segment: str
    line: int


def key_bytes(key: str) -> bytes:
    """Gives the 16 bytes of a journal key: what its hexadecimal digits say, a hash of a key of any other shape."""
    if len(key) == 33:
        try:
            return bytes.fromhex(key[1:])
        except ValueError:
            pass
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def entry(key: str, offset: int, length: int, tokens: int, max_tokens: int, finish_reason: str) -> bytes:
    """Gives the index record of one line of a segment."""
    return _RECORD.pack(key_bytes(key), offset, length, tokens, max_tokens, finish_reason != "stop")


def block(entries: bytes) -> bytes:
    """Gives index records as a block of an index file."""
    return _HEADER.pack(_MARK, len(entries) // ENTRY.itemsize, zlib.crc32(entries)) + entries


def read_blocks(data: bytes, segment_size: int) -> bytes:
    """Gives the records of an index file up to the first block that is short, damaged or beyond its segment's end."""
    found, at = [], 0
    while at + _HEADER.size <= len(data):
        mark, count, crc = _HEADER.unpack_from(data, at)
        start = at + _HEADER.size
        at = start + count * ENTRY.itemsize
        entries = data[start:at]
        if mark != _MARK or at > len(data) or zlib.crc32(entries) != crc or end_of(entries) > segment_size:
            break
        found.append(entries)
    return b"".join(found)


def end_of(entries: bytes) -> int:
    """Gives the offset behind the last line that these records, in order of offset, know; 0 where there are none."""
    if not entries:
        return 0
    _, offset, length, *_ = _RECORD.unpack_from(entries, len(entries) - _RECORD.size)
    return offset + length


def scan(file: BinaryIO, segment: str, start: int) -> tuple[bytes, list[Damage]]:
    """Gives the records of a segment's lines from byte `start` on, and its damaged lines.

    A last line that is cut off or no completion is the torn end of a killed process: no damage, and no record.
    Line numbers are counted from the segment's first line.
    """
    entries, damages = bytearray(), []
    suspects: list[int] = []
    number = _lines_before(file, start)
    for offset, line in _lines(file, start):
        number += 1
        if suspects:  # the line before was not the last one
            damages.append(Damage(segment, suspects.pop()))
        if not line.endswith(b"\n"):
            break
        try:
            row = orjson.loads(line)
            record = entry(
                row["key"], offset, len(line), row["completion_tokens"], row["max_tokens"], row["finish_reason"]
            )
        except (ValueError, KeyError, TypeError, AttributeError, struct.error):
            suspects.append(number)
            continue
        entries += record
    return bytes(entries), damages


def _lines(file: BinaryIO, start: int) -> Iterator[tuple[int, bytes]]:
    file.seek(start)
    offset = start
    rest = b""
    while piece := file.read(_CHUNK):
        lines = (rest + piece).split(b"\n")
        rest = lines.pop()
        for line in lines:
            yield offset, line + b"\n"
            offset += len(line) + 1
    if rest:
        yield offset, rest


def _lines_before(file: BinaryIO, end: int) -> int:
    file.seek(0)
    count, left = 0, end
    while left and (piece := file.read(min(_CHUNK, left))):
        count += piece.count(b"\n")
        left -= len(piece)
    return count


class Found(NamedTuple):
    """Where the answer to a request lies."""

    segment: int
    offset: int
    length: int


class Index:
    """Sorted arrays of entries, 41 bytes each: a few chunks, each at least twice as long as the next one."""

    def __init__(self) -> None:
        self._chunks: list[tuple[np.ndarray, np.ndarray]] = []

    def __len__(self) -> int:
        return sum(len(high) for high, _ in self._chunks)

    def add(self, parts: Sequence[tuple[bytes, int]]) -> None:
        """Takes in index records, each part with the number of its segment."""
        read = np.frombuffer(b"".join(entries for entries, _ in parts), ENTRY)
        if not len(read):
            return
        rows = np.empty(len(read), _ROW)
        for name in ("low", "offset", "length", "tokens", "max_tokens", "cut"):
            rows[name] = read[name]
        rows["segment"] = np.repeat(
            [segment for _, segment in parts], [len(entries) // ENTRY.itemsize for entries, _ in parts]
        )
        high = read["high"].astype("<u8")
        while self._chunks and len(self._chunks[-1][0]) < 2 * len(high):
            older_high, older_rows = self._chunks.pop()
            high, rows = np.concatenate([older_high, high]), np.concatenate([older_rows, rows])
        order = np.argsort(high, kind="stable")
        self._chunks.append((high[order], rows[order]))

    def find(self, keys: Sequence[str], max_tokens: int) -> list[Found | None]:
        """Gives, a key each, where an answer lies that satisfies a request for at most `max_tokens` new tokens.

        That is an answer that ended by itself within them, or one cut off by a limit no lower. Of several: one that
        ended by itself, then the one with the lowest limit, then the oldest.
        """
        wanted = np.frombuffer(b"".join(map(key_bytes, keys)), ">u8").reshape(-1, 2)
        high, low = wanted[:, 0].astype("<u8"), wanted[:, 1].astype("<u8")
        queries, rows = [], []
        for chunk_high, chunk_rows in self._chunks:
            first = np.searchsorted(chunk_high, high, "left")
            counts = np.searchsorted(chunk_high, high, "right") - first
            query = np.repeat(np.arange(len(keys)), counts)
            at = np.repeat(first, counts) + np.arange(len(query)) - np.repeat(np.cumsum(counts) - counts, counts)
            row = chunk_rows[at]
            cut = row["cut"] == 1
            good = (row["low"] == low[query]) & np.where(
                cut, row["max_tokens"] >= max_tokens, row["tokens"] <= max_tokens
            )
            queries.append(query[good])
            rows.append(row[good])
        found: list[Found | None] = [None] * len(keys)
        if queries:
            query, row = np.concatenate(queries), np.concatenate(rows)
            order = np.lexsort((row["offset"], row["segment"], row["max_tokens"], row["cut"], query))
            kept, best = np.unique(query[order], return_index=True)
            for i, chosen in zip(kept.tolist(), row[order][best], strict=True):
                found[i] = Found(int(chosen["segment"]), int(chosen["offset"]), int(chosen["length"]))
        return found
