"""Why a row is what it is and where it is: its whole history, from the seed to the dataset, kept or dropped.

Everything is read from the store's files by SQL, so it works while the build is still running.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from catalog import lineage_text
from catalog.dataset_rows import Place, places
from catalog.errors import UserError
from catalog.store import Store
from catalog.views import connect

if TYPE_CHECKING:
    import duckdb

Row = dict[str, Any]

_ID_COLUMNS = {
    "task": ("tasks", "task_id"),
    "trace": ("traces", "trace_id"),
    "completion": ("completions", "key"),
    "reject": ("rejects", "row_id"),
}
_KIND_OF_LETTER = {"t": "task", "r": "trace", "c": "completion"}

_BRIEF = "* EXCLUDE (thinking, answer, step_logprobs, params)"
"""A trace without its long columns; `show` has the texts."""


@dataclass(frozen=True)
class Passage:
    """A row's way through one build."""

    build: str
    version: str
    status: str
    """The build's: running, complete, stopped, failed; unknown where it has no manifest."""
    task: Row | None
    traces: list[Row]
    """The trace itself; for a task its attempts; for a completion what was read from it."""
    ancestors: list[Row]
    """The traces it was made from, nearest first."""
    children: list[Row]
    """The traces that were made from it."""
    verdicts: list[Row]
    """What verifiers said of `traces`."""
    rejects: list[Row]
    """Where it, or the task that it belongs to, was dropped, with reason, twin and score."""
    stands_for: list[Row]
    """Rejects of duplicates in whose place it was kept."""
    revisions: list[Row]
    """What `revise` made of `traces`, or how it came to them."""
    places: list[Place]
    """Per exported profile, where it is in the dataset, or why it is not."""


@dataclass(frozen=True)
class History:
    """All that a store knows of one row."""

    id: str
    kind: str
    """task, trace, completion; for what never became one of these, the kind its reject names (input, sample)."""
    completion: Row | None
    """The journalled answer behind a trace or completion."""
    passages: list[Passage]
    """One a build, in order of name and version."""

    def as_dict(self) -> dict[str, Any]:
        """Gives it as plain values for JSON."""
        return asdict(self)

    def as_text(self) -> str:
        """Gives it for a person to read in a terminal."""
        return lineage_text.history(self)


@dataclass(frozen=True)
class Shown:
    """The texts of one row."""

    id: str
    kind: str
    task: Row | None
    trace: Row | None
    completion: Row | None
    verdicts: list[Row]

    def as_dict(self) -> dict[str, Any]:
        """Gives it as plain values for JSON."""
        return asdict(self)

    def as_text(self) -> str:
        """Gives it for a person to read in a terminal."""
        return lineage_text.shown(self)


def why(source: "duckdb.DuckDBPyConnection | Store | str", text: str) -> History:
    """Gives the history of the row with that id, or with the only id that begins so.

    `source` is a store, its path or URL, or a connection of `catalog.connect`. Raises UserError where no row, or more
    than one, is meant.
    """
    with _connection(source) as con:
        kind, row_id = _resolve(con, text)
        completion, traces, task_ids = None, [], [row_id.partition("#")[0]]
        match kind:
            case "trace":
                traces = _rows(con, f"SELECT {_BRIEF} FROM traces WHERE trace_id = ?", row_id)
                completion = _first(con, "completions", "key", traces[0]["completion_key"])
                task_ids = [traces[0]["task_id"]]
            case "completion":
                completion = _first(con, "completions", "key", row_id)
                traces = _rows(con, f"SELECT {_BRIEF} FROM traces WHERE completion_key = ?", row_id)
                task_ids = [completion["task_id"]] if completion else []
            case "task":
                traces = _rows(con, f"SELECT {_BRIEF} FROM traces WHERE task_id = ? ORDER BY sample", row_id)
        tasks = _among(con, "tasks", "task_id", task_ids)
        rejects = _among(con, "rejects", "row_id", [row_id, *task_ids, *(row["trace_id"] for row in traces)])
        if kind == "task":
            rejects += _rows(con, "SELECT * FROM rejects WHERE starts_with(row_id, ?)", f"{row_id}#")
        statuses = {
            (build, version): status
            for build, version, status in con.execute("SELECT build, version, status FROM builds").fetchall()
        }
        store = con.execute("SELECT getvariable('store')").fetchall()[0][0]
        passages = []
        for here in sorted({(row["build"], row["version"]) for row in (*tasks, *traces, *rejects)}):
            mine = [row for row in traces if _of(row) == here]
            dropped = [row for row in rejects if _of(row) == here]
            status = statuses.get(here, "unknown")
            passages.append(
                Passage(
                    build=here[0],
                    version=here[1],
                    status=status,
                    task=next((row for row in tasks if _of(row) == here), None),
                    traces=mine,
                    ancestors=_ancestors(con, here, mine[0]) if kind == "trace" else [],
                    children=_here(con, f"SELECT {_BRIEF} FROM traces", here, "parent", row_id),
                    verdicts=[row for row in _verdicts(con, mine) if _of(row) == here],
                    rejects=dropped,
                    stands_for=_here(con, "SELECT * FROM rejects", here, "twin", row_id),
                    revisions=_revisions(con, here, [row["trace_id"] for row in mine]) if kind != "task" else [],
                    places=places(
                        f"{store}/builds/{here[0]}/{here[1]}",
                        [row["trace_id"] for row in mine] if kind != "task" else [],
                        task_ids,
                        dropped,
                        status,
                    )
                    if kind in ("task", "trace", "completion")
                    else [],
                )
            )
    return History(row_id, kind, completion, passages)


def show(source: "duckdb.DuckDBPyConnection | Store | str", text: str) -> Shown:
    """Gives the texts of the task, trace or completion with that id, or with the only id that begins so.

    Takes what `why` takes. A row of several builds has the same texts in all of them. Raises UserError where no row, or
    more than one, is meant.
    """
    with _connection(source) as con:
        kind, row_id = _resolve(con, text)
        trace = _first(con, "traces", "trace_id", row_id) if kind == "trace" else None
        completion = _first(con, "completions", "key", row_id) if kind == "completion" else None
        task = (trace or completion or {"task_id": row_id.partition("#")[0]})["task_id"]
        return Shown(
            row_id,
            kind,
            _first(con, "tasks", "task_id", task),
            trace,
            completion,
            _verdicts(con, [trace] if trace else []),
        )


@dataclass(frozen=True)
class Diff:
    """A revised trace beside the one it was made from."""

    task: Row | None
    original: Row
    revised: Row
    revision: Row
    """The record of the stage that made it: kept prefix, switch points, steps and tokens."""

    def as_dict(self) -> dict[str, Any]:
        """Gives it as plain values for JSON."""
        return asdict(self)

    def as_text(self, width: int) -> str:
        """Gives it for a person, in two columns of a terminal of `width` characters."""
        return lineage_text.diff(self, width)


def diff(source: "duckdb.DuckDBPyConnection | Store | str", text: str) -> Diff:
    """Gives a revised trace beside its original; the id may be that of either, or its beginning.

    Raises UserError where no row, or more than one, is meant, and for a trace that was not revised, with the reason.
    """
    with _connection(source) as con:
        kind, row_id = _resolve(con, text)
        if kind != "trace":
            raise UserError(f"{row_id} is a {kind}: --diff wants the id of a trace that was revised, or of a revision.")
        found = _rows(con, "SELECT * FROM revisions WHERE ? IN (trace_id, parent) ORDER BY ALL", row_id)
        made = next((row for row in found if row["trace_id"]), None)
        if made is None:
            why = f"the stage revise left it as it is: {found[0]['reason']}" if found else "no revise stage saw it"
            raise UserError(f"The trace {row_id} was not revised ({why}): `reasonmill why {row_id}` tells its history.")
        original, revised = (_first(con, "traces", "trace_id", made[name]) for name in ("parent", "trace_id"))
        assert original is not None and revised is not None
        return Diff(_first(con, "tasks", "task_id", made["task_id"]), original, revised, made)


@contextmanager
def _connection(source: "duckdb.DuckDBPyConnection | Store | str") -> Iterator["duckdb.DuckDBPyConnection"]:
    if isinstance(source, (Store, str)):
        with connect(source) as con:
            yield con
    else:
        yield source


def _resolve(con: "duckdb.DuckDBPyConnection", text: str) -> tuple[str, str]:
    """Gives kind and id of the one row that `text` can mean."""
    kinds = [_KIND_OF_LETTER[text[0]], "reject"] if text[:1] in _KIND_OF_LETTER else ["reject"]
    for comparison in ("{} = ?", "starts_with({}, ?)"):
        found: dict[str, str] = {}
        for kind in kinds:
            view, column = _ID_COLUMNS[kind]
            query = f"SELECT DISTINCT {column} FROM {view} WHERE {comparison.format(column)} ORDER BY 1 LIMIT 6"
            for (row_id,) in con.execute(query, [text]).fetchall():
                if row_id.partition("#")[0] not in found:  # a dropped sample is <task>#<index>
                    found[row_id] = kind
        if len(found) == 1:
            ((row_id, kind),) = found.items()
            return (_kind_of_reject(con, row_id) if kind == "reject" else kind), row_id
        if len(found) > 1:
            raise UserError(f"{text!r} is the beginning of several ids: give more of {', '.join(sorted(found)[:5])}.")
    raise UserError(
        f"No row's id begins with {text!r}: ids of tasks begin with t, of traces with r, of completions with c; list "
        'some with `reasonmill sql "select trace_id from traces limit 5"`.'
    )


def _kind_of_reject(con: "duckdb.DuckDBPyConnection", row_id: str) -> str:
    return _rows(con, "SELECT row_kind FROM rejects WHERE row_id = ? LIMIT 1", row_id)[0]["row_kind"]


def _rows(con: "duckdb.DuckDBPyConnection", query: str, *values: Any) -> list[Row]:
    cursor = con.execute(query, list(values))
    columns = [column[0] for column in cursor.description]
    return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


def _first(con: "duckdb.DuckDBPyConnection", view: str, column: str, value: str) -> Row | None:
    return next(iter(_rows(con, f"SELECT * FROM {view} WHERE {column} = ? LIMIT 1", value)), None)


def _among(con: "duckdb.DuckDBPyConnection", view: str, column: str, values: Sequence[str]) -> list[Row]:
    return _rows(con, f"SELECT * FROM {view} WHERE list_contains(?, {column}) ORDER BY ALL", list(values))


def _here(con: "duckdb.DuckDBPyConnection", select: str, here: tuple[str, str], column: str, value: str) -> list[Row]:
    return _rows(con, f"{select} WHERE build = ? AND version = ? AND {column} = ? ORDER BY ALL", *here, value)


def _verdicts(con: "duckdb.DuckDBPyConnection", traces: Sequence[Row]) -> list[Row]:
    return _among(con, "verdicts", "trace_id", [row["trace_id"] for row in traces]) if traces else []


def _revisions(con: "duckdb.DuckDBPyConnection", here: tuple[str, str], trace_ids: Sequence[str]) -> list[Row]:
    return _rows(
        con,
        "SELECT * FROM revisions WHERE build = $1 AND version = $2 "
        "AND (list_contains($3, trace_id) OR list_contains($3, parent)) ORDER BY ALL",
        *here,
        list(trace_ids),
    )


def _ancestors(con: "duckdb.DuckDBPyConnection", here: tuple[str, str], trace: Row) -> list[Row]:
    found: list[Row] = []
    seen = {trace["trace_id"]}
    parent = trace["parent"]
    while parent is not None and parent not in seen:
        seen.add(parent)
        rows = _here(con, f"SELECT {_BRIEF} FROM traces", here, "trace_id", parent)
        found += rows[:1]
        parent = rows[0]["parent"] if rows else None
    return found


def _of(row: Row) -> tuple[str, str]:
    return row["build"], row["version"]
