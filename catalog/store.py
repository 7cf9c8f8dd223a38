"""The store: a folder, local or at any fsspec URL, of a journal and of builds; a build's rows are Parquet parts.

The layout is that of the design: `<store>/journal/`, `<store>/builds/<name>/<version>/<kind>/<part>.parquet`.
"""

import difflib
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.spec import AbstractFileSystem
from pydantic import ValidationError

from catalog import locks, migrations
from catalog.errors import UserError
from catalog.files import is_local, locate, names, write_whole
from catalog.ids import digest
from catalog.manifest import Manifest
from catalog.models import cache_dir
from catalog.records import KINDS, SCHEMA_VERSION, Record, from_table, to_table

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def default_store() -> str:
    """Gives the store where none is named: $REASONMILL_STORE, else ./store."""
    return os.environ.get("REASONMILL_STORE") or "./store"


@dataclass(frozen=True)
class Store:
    """A folder of a journal and of builds."""

    url: str
    """Its absolute path, or its URL where it is remote."""
    root: str = field(repr=False)
    """Its path in `fs`."""
    fs: AbstractFileSystem = field(repr=False, compare=False)

    @staticmethod
    def open(url: str | os.PathLike) -> "Store":
        """Opens a store to work in; makes it where there is none and brings an old layout up to date.

        Raises UserError when the place cannot be written, holds something else, or has a layout newer than this code.
        """
        fs, root, shown = locate(url)
        migrations.upgrade(fs, root)
        if is_local(fs) and not os.access(root, os.W_OK | os.X_OK):
            raise UserError(
                f"{root} cannot be written: mend its permissions, or choose another store with --store or "
                "$REASONMILL_STORE."
            )
        store = Store(shown, root, fs)
        store._write_columns()
        return store

    @staticmethod
    def find(url: str | os.PathLike) -> "Store":
        """Opens a store that exists, to read from it; nothing is written where its layout is up to date and whole.

        Raises UserError where there is no store.
        """
        fs, root, shown = locate(url)
        number = migrations.layout_of(fs, root)
        if number is None:
            raise UserError(
                f"there is no store at {shown}: build something first, or name a store with --store or "
                "$REASONMILL_STORE."
            )
        if number < migrations.LAYOUT_VERSION:
            return Store.open(url)
        store = Store(shown, root, fs)
        store._write_columns()  # who makes the store may not have come so far
        return store

    def build(self, name: str, version: str) -> "Build":
        """Gives the build of that name and version, which need not have begun. UserError for an unusable name."""
        for text in (name, version):
            if not _NAME.fullmatch(text):
                raise UserError(f"{text!r} cannot name a build: use letters, digits, '.', '_' and '-'.")
        return Build(self, name, version)

    def builds(self) -> list["Build"]:
        """Gives all builds that have begun, by name and then from the oldest to the newest."""
        found = []
        for name in names(self.fs, f"{self.root}/builds"):
            found += [Build(self, name, version) for version in names(self.fs, f"{self.root}/builds/{name}")]
        return sorted(found, key=lambda build: (build.name, build.began(), build.version))

    def find_build(self, text: str) -> "Build":
        """Gives the build meant by `name` (its newest), `name@version-prefix`, or a path into a build's folder.

        Raises UserError, with the nearest names, where there is none or more than one.
        """
        if "/" in text or os.sep in text or text.startswith("."):
            return _build_at(text, self)
        builds = self.builds()
        name, _, prefix = text.partition("@")
        found = [build for build in builds if build.name == name and build.version.startswith(prefix)]
        if not found:
            if not prefix and os.path.exists(text):
                return _build_at(text, self)
            known = sorted({build.name for build in builds} | {f"{build.name}@{build.version}" for build in builds})
            near = difflib.get_close_matches(text, known, 3) or [n for n in known if "@" not in n][:5]
            hint = f"the nearest are {', '.join(near)}" if near else "it holds no builds yet"
            raise UserError(f"{self.url} holds no build {text!r}: {hint}.")
        if prefix and len(found) > 1:
            versions = ", ".join(build.version for build in found[:5])
            raise UserError(f"{text!r} may mean {len(found)} builds of {self.url}: give more of one of {versions}.")
        return found[-1]

    def _write_columns(self) -> None:
        """Writes an empty file of every kind, so that SQL views have their columns before the first row exists.

        The folder starts with a dot, which hides it from `builds` but not from DuckDB's patterns.
        """
        folder = f"{self.root}/builds/.columns/{SCHEMA_VERSION}"
        if self.fs.exists(f"{folder}/manifest.json"):
            return
        write_whole(self.fs, f"{self.root}/journal/.columns.jsonl", b"")
        for kind in KINDS:
            if kind != "completions":
                write_whole(self.fs, f"{folder}/{kind}/empty.parquet", _parquet(kind, []))
        write_whole(self.fs, f"{folder}/manifest.json", b"")


@dataclass(frozen=True)
class Build:
    """One run of a recipe: its rows, its manifest and its dataset."""

    store: Store
    name: str
    version: str

    @property
    def path(self) -> str:
        """The build's folder: an absolute path, or a URL where the store is remote."""
        return f"{self.store.url}/builds/{self.name}/{self.version}"

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"

    def write(self, kind: str, part: str, rows: Sequence[Record]) -> None:
        """Writes `rows`, records of `kind`, as one part that appears whole or not at all and replaces an older one.

        Raises UserError when the disk is full or the store not writable.
        """
        write_whole(self.store.fs, self._file(kind, part), _parquet(kind, rows))

    def read(self, kind: str, part: str) -> list:
        """Gives the records of one part. Raises FileNotFoundError where there is none."""
        data = self.store.fs.cat_file(self._file(kind, part))
        return from_table(KINDS[kind], pq.ParquetFile(pa.BufferReader(data)).read(use_threads=False))

    def parts(self, kind: str) -> list[str]:
        """Gives the names of the parts of a kind, sorted."""
        suffix = ".parquet"
        return [name.removesuffix(suffix) for name in names(self.store.fs, f"{self._root}/{kind}", suffix)]

    def has(self, kind: str, part: str) -> bool:
        """Whether a part stands."""
        return self.store.fs.exists(self._file(kind, part))

    def remove(self, kind: str, part: str) -> None:
        """Removes a part; one that is not there is no error."""
        try:
            self.store.fs.rm_file(self._file(kind, part))
        except FileNotFoundError:
            pass

    def iter_rows(self, kind: str, prefix: str = "") -> Iterator:
        """Gives the records of all parts whose name starts with `prefix`, part by part in sorted order."""
        for part in self.parts(kind):
            if part.startswith(prefix):
                yield from self.read(kind, part)

    def tally(self, kind: str, *columns: str) -> Counter[tuple]:
        """Gives how often each combination of values of some columns occurs; one part is in memory at a time."""
        found: Counter[tuple] = Counter()
        for part in self.parts(kind):
            data = pa.BufferReader(self.store.fs.cat_file(self._file(kind, part)))
            table = pq.ParquetFile(data).read(columns=list(columns), use_threads=False)
            found.update(zip(*(table[column].to_pylist() for column in columns), strict=True))
        return found

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keeps other processes from working on this build; the lock goes with the process, however it ends.

        Raises UserError, naming the process, where another one works on it. A remote store is guarded among processes
        of one machine only.
        """
        local = is_local(self.store.fs)
        path = f"{self._root}/.lock" if local else str(cache_dir() / "locks" / digest(self.path))
        with locks.exclusive(path, f"the build {self}"):
            if local:
                self._sweep()
            yield

    def read_manifest(self) -> Manifest | None:
        """Gives the manifest, None where none is written. UserError where it cannot be read."""
        path = f"{self._root}/manifest.json"
        try:
            return Manifest.model_validate_json(self.store.fs.cat_file(path))
        except FileNotFoundError:
            return None
        except ValidationError as error:
            raise UserError(f"{path} is damaged ({error.errors()[0]['msg']}): run the build's recipe again.") from error

    def write_manifest(self, manifest: Manifest) -> None:
        """Writes the manifest, whole or not at all."""
        data = manifest.model_dump_json(indent=2).encode() + b"\n"
        write_whole(self.store.fs, f"{self._root}/manifest.json", data)

    def began(self) -> float:
        """Gives the time at which the build began, seconds since 1970; by its folder where the manifest is silent."""
        try:
            manifest = self.read_manifest()
        except UserError:
            manifest = None
        if manifest is not None and manifest.started is not None:
            return manifest.started.timestamp()
        return os.path.getmtime(self._root) if is_local(self.store.fs) else 0.0

    @property
    def _root(self) -> str:
        return f"{self.store.root}/builds/{self.name}/{self.version}"

    def _file(self, kind: str, part: str) -> str:
        if kind not in KINDS or not _NAME.fullmatch(part):
            raise ValueError(f"no part {part!r} of kind {kind!r}")
        return f"{self._root}/{kind}/{part}.parquet"

    def _sweep(self) -> None:
        """Removes the temporary files that a killed process left; nobody else writes while we hold the lock."""
        for folder in (self._root, *(f"{self._root}/{kind}" for kind in KINDS)):
            if os.path.isdir(folder):
                for name in os.listdir(folder):
                    if name.startswith(".") and name.endswith(".tmp"):
                        os.unlink(f"{folder}/{name}")


def _parquet(kind: str, rows: Sequence[Record]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(to_table(KINDS[kind], rows), sink, compression="zstd")
    return sink.getvalue().to_pybytes()


def _build_at(path: str, near: Store) -> Build:
    fs, root, _ = locate(path)
    pieces = root.split("/")
    for i in range(len(pieces) - 3, -1, -1):
        home = "/".join(pieces[:i])
        if pieces[i] == "builds" and len(pieces) > i + 2 and migrations.layout_of(fs, home) is not None:
            same = type(fs) is type(near.fs) and home == near.root
            store = near if same else Store.find(home if is_local(fs) else fs.unstrip_protocol(home))
            if fs.exists("/".join(pieces[: i + 3])):
                return Build(store, pieces[i + 1], pieces[i + 2])
    raise UserError(f"{path} is no folder of a build: such a folder is <store>/builds/<name>/<version>.")
