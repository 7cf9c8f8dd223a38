"""The verbs that ask a store: sql, why, show."""

import json
import shutil
import sys

from catalog import connect
from catalog.errors import UserError
from catalog.store import Store, default_store

FORMATS = ("table", "json", "csv", "parquet")


def sql(query: str, store: str | None, form: str, out: str | None) -> None:
    """Runs a query over the store's views and prints its rows."""
    import duckdb

    if form not in FORMATS:
        raise UserError(f"--format cannot be {form!r}: choose {', '.join(FORMATS)}.")
    if form == "parquet" and out is None:
        raise UserError("--format parquet writes a file: name it with -o.")
    with connect(_existing(store)) as con:
        try:
            relation = con.sql(query)
        except duckdb.Error as error:
            raise UserError(f"The query failed: {str(error).strip()}") from None
        if relation is None:
            return
        try:
            _write(relation, form, out)
        except duckdb.Error as error:
            raise UserError(f"The query failed: {str(error).strip()}") from None


def _write(relation: "duckdb.DuckDBPyRelation", form: str, out: str | None) -> None:  # type: ignore[name-defined] # noqa: F821
    match form:
        case "parquet":
            relation.write_parquet(out)
        case "csv":
            relation.write_csv(out or "/dev/stdout")
        case "json":
            rows = [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]
            text = json.dumps(rows, default=str, ensure_ascii=False)
            if out:
                with open(out, "w", encoding="utf-8") as file:
                    file.write(text)
            else:
                print(text)
        case _:
            print(relation)


def why(row: str, store: str | None, as_json: bool) -> None:
    """Prints the history of a row."""
    from catalog import lineage

    with connect(_existing(store)) as con:
        history = lineage.why(con, row)
    print(json.dumps(history.as_dict(), ensure_ascii=False) if as_json else history.as_text())


def show(row: str, store: str | None, diff: bool, as_json: bool) -> None:
    """Prints a trace to read, or a revised one beside its original."""
    from catalog import lineage

    with connect(_existing(store)) as con:
        if diff:
            beside = lineage.diff(con, row)
            values, text = beside.as_dict(), beside.as_text(shutil.get_terminal_size((160, 24)).columns)
        else:
            shown = lineage.show(con, row)
            values, text = shown.as_dict(), shown.as_text()
    print(json.dumps(values, ensure_ascii=False) if as_json else text)
    sys.stdout.flush()


def _existing(store: str | None) -> Store:
    return Store.find(store or default_store())
