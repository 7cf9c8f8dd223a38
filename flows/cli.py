"""The command line. Every verb imports what it needs when it runs, so that the command starts at once."""

import sys
from typing import Annotated, NoReturn

import typer

app = typer.Typer(
    name="reasonmill",
    help="Turns a recipe into a versioned, verified, deduplicated dataset of reasoning traces.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

StoreOption = Annotated[
    str | None, typer.Option("--store", help="Folder or URL of the store; else $REASONMILL_STORE, else ./store.")
]
SetOption = Annotated[list[str], typer.Option("--set", metavar="A.B=VALUE", help="Overrides a value of the recipe.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Prints one JSON object on stdout.")]
RecipeArgument = Annotated[str, typer.Argument(metavar="RECIPE", help="A recipe: a TOML file.")]
BuildArgument = Annotated[str, typer.Argument(metavar="BUILD", help="A build: NAME, NAME@VERSION, or its folder.")]
FileArgument = Annotated[str, typer.Argument(metavar="FILE", help="JSONL (also .gz) or Parquet.")]
ColumnOption = Annotated[
    list[str], typer.Option("--column", metavar="NAME=COLUMN", help="Where a column is named otherwise.")
]
TeacherOption = Annotated[
    str | None,
    typer.Option(help="Who writes: embedded, the URL of an endpoint (up to /v1), or a teacher of --recipe."),
]
ModelOption = Annotated[str | None, typer.Option(help="The model's name at the endpoint, or an embedded one's.")]
OutOption = Annotated[str, typer.Option("-o", "--out", metavar="OUT", help="JSONL or Parquet to write.")]


@app.command()
def build(
    recipe: RecipeArgument,
    store: StoreOption = None,
    overrides: SetOption = [],
    plain: Annotated[bool, typer.Option("--plain", help="Runs the same driver without Prefect.")] = False,
    ray: Annotated[
        str | None,
        typer.Option("--ray", metavar="ADDRESS", help="Runs shards on this Ray cluster; `local` starts one."),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begins this recipe's build anew.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Prints the resolved recipe and the plan.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Builds a dataset from a recipe; the same command again goes on where it stopped."""
    from flows import building

    building.build(recipe, store, tuple(overrides), plain=plain, ray=ray, fresh=fresh, dry_run=dry_run, as_json=as_json)


@app.command()
def plan(
    recipe: RecipeArgument,
    store: StoreOption = None,
    overrides: SetOption = [],
    pilot: Annotated[int, typer.Option("--pilot", min=2, help="Tasks to try.")] = 8,
    as_json: JsonOption = False,
) -> None:
    """Tries a few tasks and forecasts tokens, time and money of the whole build."""
    from flows import planning

    planning.plan(recipe, store, tuple(overrides), pilot=pilot, as_json=as_json)


@app.command()
def sql(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="SQL over the views named below.")],
    store: StoreOption = None,
    form: Annotated[str, typer.Option("--format", help="table, json, csv or parquet.")] = "table",
    out: Annotated[str | None, typer.Option("-o", "--out", help="File to write, for parquet.")] = None,
) -> None:
    """Asks the store in SQL: tasks, traces, verdicts, rejects, revisions, hintings, ...; also during a build."""
    from flows import asking

    asking.sql(query, store, form, out)


@app.command()
def why(
    row: Annotated[str, typer.Argument(metavar="ID", help="Id of a task, trace or completion, or its beginning.")],
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tells a row's whole history, kept or rejected."""
    from flows import asking

    asking.why(row, store, as_json)


@app.command()
def show(
    row: Annotated[str, typer.Argument(metavar="ID", help="Id of a trace or task, or its beginning.")],
    store: StoreOption = None,
    diff: Annotated[bool, typer.Option("--diff", help="A revised trace and its original side by side.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Prints a trace to read."""
    from flows import asking

    asking.show(row, store, diff, as_json)


@app.command()
def tasks(recipe: RecipeArgument, out: OutOption, overrides: SetOption = [], as_json: JsonOption = False) -> None:
    """Writes a recipe's tasks to a file."""
    from flows import on_files

    on_files.tasks(recipe, out, tuple(overrides), as_json)


@app.command()
def sample(
    file: FileArgument,
    out: OutOption,
    recipe: Annotated[str, typer.Option("--recipe", help="Recipe whose [sample] and teacher are used.")],
    store: StoreOption = None,
    overrides: SetOption = [],
    as_json: JsonOption = False,
) -> None:
    """Draws traces for the tasks of a file."""
    from flows import on_files

    on_files.sample(file, out, recipe, store, tuple(overrides), as_json)


@app.command()
def verify(
    file: Annotated[str | None, typer.Argument(metavar="FILE", help="JSONL (also .gz) or Parquet.")] = None,
    out: Annotated[str | None, typer.Option("-o", "--out", metavar="OUT", help="JSONL or Parquet to write.")] = None,
    audit: Annotated[
        str | None,
        typer.Option("--audit", metavar="VERIFIER", help="Audits a verifier on FILE's tasks, a recipe's, or bundled."),
    ] = None,
    references: Annotated[
        bool, typer.Option("--references", help="Flags FILE's references that cannot be right.")
    ] = False,
    consensus: Annotated[
        bool, typer.Option("--consensus", help="Gives FILE's tasks the answer that most of their responses agree on.")
    ] = False,
    min_share: Annotated[
        float | None,
        typer.Option(
            min=0.0, max=1.0, help="Share of the responses that a majority needs: 0.5, or 0.75 with --references."
        ),
    ] = None,
    weights: Annotated[
        list[str],
        typer.Option("--weight", metavar="TEACHER=NUMBER", help="With --consensus: what a teacher's vote counts."),
    ] = [],
    recipe: Annotated[str | None, typer.Option("--recipe", help="With --audit: whose tasks are used.")] = None,
    max_false_accept: Annotated[float, typer.Option(min=0.0, max=1.0, help="With --audit: limit.")] = 0.01,
    max_false_reject: Annotated[float, typer.Option(min=0.0, max=1.0, help="With --audit: limit.")] = 0.1,
    verifier: Annotated[str | None, typer.Option(help="Verifier of every row, where no column names it.")] = None,
    columns: ColumnOption = [],
    deadline_s: Annotated[float, typer.Option("--deadline", min=0.01, help="Seconds a verification may take.")] = 5.0,
    sandbox: Annotated[
        str,
        typer.Option("--sandbox", metavar="LEVEL", help="For programs, at least: limits, filters, namespaces."),
    ] = "filters",
    as_json: JsonOption = False,
) -> None:
    """Judges the responses of a file: columns response, reference, verifier, spec. Or audits, or votes: see options."""
    if audit is not None:
        from flows import auditing

        auditing.audit(audit, file, recipe, max_false_accept, max_false_reject, deadline_s, sandbox, as_json)
    elif references:
        from flows import references as of_references

        of_references.audit(file, out, columns, min_share, deadline_s, as_json)
    elif consensus:
        from flows import voting

        voting.consensus(file, out, verifier, columns, weights, min_share, deadline_s, as_json)
    else:
        from flows import on_files

        on_files.verify(file, out, verifier, columns, deadline_s, sandbox, as_json)


@app.command()
def revise(
    file: FileArgument,
    out: OutOption,
    teacher: TeacherOption = None,
    model: ModelOption = None,
    mode: Annotated[str | None, typer.Option(help="full, partial, tail or close.")] = None,
    recipe: Annotated[str | None, typer.Option("--recipe", help="Recipe with teachers and [revise].")] = None,
    columns: ColumnOption = [],
    store: StoreOption = None,
    overrides: SetOption = [],
    as_json: JsonOption = False,
) -> None:
    """Revises correct traces into shorter ones: columns problem, reference, response, verifier and spec."""
    from flows import revising_files

    revising_files.revise(file, out, teacher, model, mode, recipe, columns, store, tuple(overrides), as_json)


@app.command()
def hint(
    file: FileArgument,
    out: OutOption,
    teacher: TeacherOption = None,
    model: ModelOption = None,
    strategy: Annotated[str | None, typer.Option(help="prompt, engineered or both.")] = None,
    recipe: Annotated[str | None, typer.Option("--recipe", help="Recipe with teachers and [hint].")] = None,
    columns: ColumnOption = [],
    store: StoreOption = None,
    overrides: SetOption = [],
    as_json: JsonOption = False,
) -> None:
    """Lets traces use a code interpreter where that is right and cheaper: columns as for revise."""
    from flows import hinting_files

    hinting_files.hint(file, out, teacher, model, strategy, recipe, columns, store, tuple(overrides), as_json)


@app.command()
def dedup(
    file: FileArgument,
    out: OutOption,
    threshold: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Cosine from which texts are one; none compares text only.")
    ] = None,
    column: Annotated[str, typer.Option(help="The column that holds the text.")] = "prompt",
    as_json: JsonOption = False,
) -> None:
    """Writes the rows of a file without duplicates; the dropped ones go beside it, each with its twin."""
    from flows import on_files

    on_files.dedup(file, out, threshold, column, as_json)


@app.command()
def train(
    build: BuildArgument,
    store: StoreOption = None,
    method: Annotated[str | None, typer.Option(help="sft.")] = None,
    out: Annotated[
        str | None, typer.Option("-o", "--out", help="Folder of the student; else one in the build.")
    ] = None,
    overrides: SetOption = [],
    as_json: JsonOption = False,
) -> None:
    """Trains a student on a finished build; an interrupted training goes on from its last checkpoint."""
    from flows import training

    training.train(build, store, method, out, tuple(overrides), as_json)


@app.command()
def publish(
    build: BuildArgument,
    to: Annotated[
        str, typer.Option("--to", help="ORG/NAME on the Hub, or a folder (with a slash at its start or end).")
    ],
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Publishes a finished build: Parquet, manifest and a card made from the manifest, in one commit."""
    from flows import publishing

    publishing.publish(build, to, store, as_json)


@app.command()
def schedule(
    recipe: RecipeArgument,
    cron: Annotated[str, typer.Option("--cron", help="When to build, e.g. '0 3 * * *'.")],
    store: StoreOption = None,
    overrides: SetOption = [],
) -> None:
    """Builds a recipe again and again on a schedule, until stopped."""
    from flows import scheduling

    scheduling.schedule(recipe, cron, store, tuple(overrides))


@app.command()
def doctor(
    recipe: Annotated[str | None, typer.Argument(metavar="[RECIPE]", help="Checks what this recipe needs.")] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Says what this machine offers, and what a recipe lacks here."""
    from flows import doctoring

    doctoring.doctor(recipe, store, as_json)


def main() -> None:
    """Runs the command and gives its exit code: 0 done, 1 failed, 2 wrong input, 3 stopped and resumable."""
    from catalog.errors import AuditFailed, ConservationError, Stopped, Unfinished, UserError

    try:
        app()
    except SystemExit as end:
        if end.code == _INTERRUPTED:
            _end("Stopped. The same command goes on from here.", 3)
        raise
    except KeyboardInterrupt:
        _end("Stopped. The same command goes on from here.", 3)
    except UserError as error:
        _end(str(error), 2)
    except Stopped as error:
        _end(f"{error} The same command, with more budget where that was the reason, goes on from here.", 3)
    except (AuditFailed, ConservationError, Unfinished) as error:
        _end(str(error), 1)


_INTERRUPTED = 130
"""What the command-line library makes of Ctrl-C."""


def _end(sentence: str, code: int) -> NoReturn:
    print(f"reasonmill: {sentence}", file=sys.stderr)
    sys.exit(code)
