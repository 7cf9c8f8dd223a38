"""SQL over a store: an in-memory DuckDB whose views read the files, so that anyone can ask while a build runs.

There is no database file: DuckDB locks readers out of one while a process writes it.
"""

import re
from typing import TYPE_CHECKING

import pyarrow as pa

from catalog.files import is_local
from catalog.records import KINDS, schema
from catalog.store import Store, default_store

if TYPE_CHECKING:
    import duckdb

_TYPES = {
    pa.string(): "VARCHAR",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
    pa.bool_(): "BOOLEAN",
    pa.list_(pa.float32()): "FLOAT[]",
}

_MANIFEST = {
    "name": "VARCHAR",
    "version": "VARCHAR",
    "status": "VARCHAR",
    "started": "TIMESTAMP",
    "finished": "TIMESTAMP",
    "seed": "BIGINT",
    "code_version": "VARCHAR",
    "schema_version": "BIGINT",
    "layout_version": "BIGINT",
    "teachers": "JSON",
    "counts": "JSON",
    "exports": "JSON",
    "checksums": "JSON",
    "versions": "JSON",
    "recipe": "JSON",
}

_LARGEST_LINE = 64 << 20
"""Bytes of the longest journal line or manifest that SQL reads."""


def connect(store: "str | Store | None" = None) -> "duckdb.DuckDBPyConnection":
    """Gives a DuckDB connection with a view for each kind of record (`catalog.records.KINDS`), and `builds`.

    `store` is a path, a URL or an open store; None is $REASONMILL_STORE, else ./store. The views cover all builds of
    the store, with the build's name and version in front (a completion belongs to no build), and show at each query
    what is on disk by then. The variable `store` holds the store's URL. Nothing is downloaded. Raises UserError where
    there is no store.
    """
    import duckdb

    opened = store if isinstance(store, Store) else Store.find(store or default_store())
    con = duckdb.connect(
        config={
            # Otherwise a query that names a URL tries to download an extension, and waits where there is no network.
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
    )
    con.execute("SET parquet_metadata_cache = true")  # builds have many small parts
    con.execute(f"SET VARIABLE store = {_literal(opened.url)}")
    if not is_local(opened.fs):
        con.register_filesystem(opened.fs)
    for kind in KINDS:
        con.execute(f"CREATE VIEW {kind} AS {_completions(opened) if kind == 'completions' else _parts(opened, kind)}")
    con.execute(f"CREATE VIEW builds AS {_builds(opened)}")
    return con


def _parts(store: Store, kind: str) -> str:
    columns = ", ".join(
        # the view's own `version` is the build's
        "version AS verifier_version" if field.name == "version" else f'"{field.name}"'
        for field in schema(KINDS[kind])
    )
    files = _literal(f"{_pattern(store.url)}/builds/*/*/{kind}/*.parquet")
    # filename: <store>/builds/<name>/<version>/<kind>/<part>.parquet
    return (
        f"SELECT string_split(filename, '/')[-4] AS build, string_split(filename, '/')[-3] AS version, {columns} "
        f"FROM read_parquet({files}, union_by_name = true, filename = true, hive_partitioning = false)"
    )


def _completions(store: Store) -> str:
    types = {field.name: _TYPES[field.type] for field in schema(KINDS["completions"])}
    files = _literal(f"{_pattern(store.url)}/journal/*.jsonl")
    # A torn last line becomes a row of nulls.
    return (
        f"SELECT * FROM read_json({files}, format = 'newline_delimited', columns = {_struct(types)}, "
        f"ignore_errors = true, maximum_object_size = {_LARGEST_LINE}) WHERE key IS NOT NULL"
    )


def _builds(store: Store) -> str:
    files = _literal(f"{_pattern(store.url)}/builds/*/*/manifest.json")
    return (
        f"SELECT name AS build, * EXCLUDE (name, filename) FROM read_json({files}, format = 'unstructured', "
        f"columns = {_struct(_MANIFEST)}, filename = true, maximum_object_size = {_LARGEST_LINE})"
    )


def _struct(types: dict[str, str]) -> str:
    return "{" + ", ".join(f"'{name}': '{kind}'" for name, kind in types.items()) + "}"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _pattern(path: str) -> str:
    """Gives a pattern that matches just this path."""
    return re.sub(r"[*?\[]", lambda match: f"[{match[0]}]", path)
