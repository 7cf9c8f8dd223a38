"""The files of the journal: a segment a process on a local disk, an object a group commit on object storage.

A segment is lines of JSON, a completion each; beside it lies its index (catalog.journal_index).
"""

import fcntl
import os
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from fsspec.spec import AbstractFileSystem

from catalog import journal_index, journal_merge
from catalog.errors import UserError
from catalog.files import explained, in_words, is_local, names, write_whole
from catalog.journal_index import Damage
from catalog.store import Store

_LINES, _INDEX = ".jsonl", ".idx"


class Segments(Protocol):
    """The journal's files in one store, and this process's own among them. Calls come one at a time."""

    group_s: float
    """Seconds for which appended lines are gathered into one commit."""

    def load(self) -> tuple[list[tuple[str, bytes]], list[Damage]]:
        """Gives name and index records of each segment, oldest first, and the damaged lines met on the way."""

    def append(self, data: bytes) -> tuple[str, int]:
        """Takes whole lines; gives the segment's name and the offset at which they begin in it."""

    def batch(self, entries: bytes) -> Callable[[], None]:
        """Gives the work that makes durable what was appended since the last batch, with its index records.

        The work may run beside `append` and `read`; what it could not do is in the next batch again.
        """

    def read(self, name: str, spans: Sequence[tuple[int, int]]) -> list[bytes]:
        """Gives the bytes of a segment at each (offset, length). FileNotFoundError where it is gone."""

    def merge(self, at_least: int) -> None:
        """Merges small segments of dead processes where there are `at_least` so many."""

    def close(self) -> None:
        """Lets go of the own segment."""


def open_segments(store: Store) -> Segments:
    """Gives the segments of a store, by what its file system can do."""
    if is_local(store.fs):
        return LocalSegments(store.fs, f"{store.root}/journal")
    return ObjectSegments(store.fs, f"{store.root}/journal")


def _fresh_name() -> str:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    return f"{stamp}-{os.getpid()}-{secrets.token_hex(4)}"


class LocalSegments:
    """Segments on a disk: each append is one os.write and survives the death of the process; a batch is a sync.

    The owner holds a lock on its segment while it lives, so that others leave a living one's index alone.
    """

    group_s = 0.4

    def __init__(self, fs: AbstractFileSystem, folder: str) -> None:
        self._fs, self._folder = fs, folder
        self._name = ""
        self._fd = self._index_fd = -1
        self._end = 0
        """Where the last append ended."""
        self._gap = False
        """Whether lines lie in the segment whose index records were lost (a signal came right behind the write)."""

    def _path(self, name: str, suffix: str = _LINES) -> str:
        return f"{self._folder}/{name}{suffix}"

    def merge(self, at_least: int) -> None:
        journal_merge.merge(self._fs, self._folder, at_least, lambda name: self._load_one(name)[0])

    def load(self) -> tuple[list[tuple[str, bytes]], list[Damage]]:
        loaded: list[tuple[str, bytes]] = []
        damages: list[Damage] = []
        for file in names(self._fs, self._folder, _LINES):
            name = file.removesuffix(_LINES)
            with suppress(FileNotFoundError):  # merged away since it was listed
                entries, damaged = self._load_one(name)
                loaded.append((name, entries))
                damages += damaged
        return loaded, damages

    def _load_one(self, name: str) -> tuple[bytes, list[Damage]]:
        with open(self._path(name), "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            try:
                with open(self._path(name, _INDEX), "rb") as index:
                    entries = journal_index.read_blocks(index.read(), size)
            except FileNotFoundError:
                entries = b""
            known = journal_index.end_of(entries)
            if known == size:
                return entries, []
            more, damages = journal_index.scan(file, self._path(name), known)
            if more:
                entries += more
                self._save_index(file.fileno(), name, entries)
            return entries, damages

    def _save_index(self, fd: int, name: str, entries: bytes) -> None:
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            write_whole(self._fs, self._path(name, _INDEX), journal_index.block(entries))
        except (OSError, UserError):  # its owner lives, or this store is only readable: memory has to do
            pass

    def append(self, data: bytes) -> tuple[str, int]:
        if self._fd < 0:
            self._begin()
        start = self._end
        try:
            done = os.write(self._fd, data)
            while done < len(data):  # a disk that is nearly full takes a part first
                done += os.write(self._fd, data[done:])
        except OSError as error:
            os.ftruncate(self._fd, start)
            raise (in_words(error, self._path(self._name)) or error) from error
        except BaseException:  # a signal right behind the write: the lines may stand, their index records will not
            self._end = os.lseek(self._fd, 0, os.SEEK_END)
            self._gap = True
            raise
        self._end = start + len(data)
        return self._name, start

    def _begin(self) -> None:
        self._name = _fresh_name()
        path = self._path(self._name)
        with explained(path):
            self._fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o666)
            fcntl.flock(self._fd, fcntl.LOCK_EX)

    def batch(self, entries: bytes) -> Callable[[], None]:
        return partial(self._sync, entries)

    def _sync(self, entries: bytes) -> None:
        if self._fd < 0:
            return
        with explained(self._path(self._name)):
            os.fdatasync(self._fd)
        if self._gap or not entries:  # whoever opens the journal next reads on from the last good block
            return
        try:
            if self._index_fd < 0:
                self._index_fd = os.open(self._path(self._name, _INDEX), os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o666)
            block = journal_index.block(entries)
            self._gap = os.write(self._index_fd, block) < len(block)
        except OSError:
            self._gap = True

    def read(self, name: str, spans: Sequence[tuple[int, int]]) -> list[bytes]:
        fd = os.open(self._path(name), os.O_RDONLY)
        try:
            return [os.pread(fd, length, offset) for offset, length in spans]
        finally:
            os.close(fd)

    def close(self) -> None:
        for fd in (self._fd, self._index_fd):
            if fd >= 0:
                os.close(fd)
        self._fd = self._index_fd = -1


class ObjectSegments:
    """Segments on object storage, which cannot append: every group commit is an object, and one for its index.

    What was appended in the last second is lost with the process.
    """

    group_s = 1.0

    def __init__(self, fs: AbstractFileSystem, folder: str) -> None:
        self._fs, self._folder = fs, folder
        self._name = _fresh_name()
        self._lines = bytearray()
        self._waiting: dict[str, tuple[bytes, bytes]] = {}
        """Lines and index records of the objects that are not stored yet."""

    def _path(self, name: str, suffix: str = _LINES) -> str:
        return f"{self._folder}/{name}{suffix}"

    def load(self) -> tuple[list[tuple[str, bytes]], list[Damage]]:
        listed = [file.removesuffix(_LINES) for file in names(self._fs, self._folder, _LINES)]
        indexed = {file.removesuffix(_INDEX) for file in names(self._fs, self._folder, _INDEX)}
        have = [name for name in listed if name in indexed]
        nothing: list[None] = [None] * len(have)
        indexes = dict(
            zip(
                have,
                self._fs.cat_ranges([self._path(name, _INDEX) for name in have], nothing, nothing) if have else (),
                strict=True,
            )
        )
        loaded: list[tuple[str, bytes]] = []
        damages: list[Damage] = []
        for name in listed:
            entries = journal_index.read_blocks(indexes.get(name, b""), 1 << 62)
            if not entries:
                with self._fs.open(self._path(name), "rb") as file:
                    entries, damaged = journal_index.scan(file, self._path(name), 0)
                damages += damaged
            loaded.append((name, entries))
        return loaded, damages

    def append(self, data: bytes) -> tuple[str, int]:
        start = len(self._lines)
        self._lines += data
        return self._name, start

    def batch(self, entries: bytes) -> Callable[[], None]:
        if self._lines:
            self._waiting[self._name] = bytes(self._lines), entries
            self._name, self._lines = _fresh_name(), bytearray()
        return self._store

    def _store(self) -> None:
        for name, (lines, entries) in list(self._waiting.items()):
            write_whole(self._fs, self._path(name), lines)
            write_whole(self._fs, self._path(name, _INDEX), journal_index.block(entries))
            del self._waiting[name]

    def read(self, name: str, spans: Sequence[tuple[int, int]]) -> list[bytes]:
        waiting = self._waiting.get(name)
        held = bytes(self._lines) if name == self._name else waiting[0] if waiting else None
        if held is not None:
            return [held[offset : offset + length] for offset, length in spans]
        starts = [offset for offset, _ in spans]
        return self._fs.cat_ranges([self._path(name)] * len(spans), starts, [o + n for o, n in spans])

    def merge(self, at_least: int) -> None:
        """Leaves the objects alone: who else is reading them cannot be known here."""

    def close(self) -> None:
        return
