"""References by vote: the option `verify --consensus`, for responses to tasks that have no reference."""

import difflib
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from catalog.errors import UserError
from dedup.exact import normalise
from flows.on_files import columns_of, needs, spec_text, tell, text_of
from flows.rows import read_rows, writing_rows
from verifiers.consensus import MIN_AGREEING, VOTED, Ballot, Vote, answer_of, votes
from verifiers.judge import check_name
from verifiers.pool import Pool

COLUMNS = ("task_id", "problem", "teacher", "weight")
"""Columns that a vote knows beside those of a verification."""

MIN_SHARE = 0.5
"""Share of the weight, abstentions included, from which a winner becomes a reference."""

_PROBLEM = ("problem", "prompt", "question")


@dataclass
class _Task:
    """What the rows of one task say."""

    verifier: str
    spec: str
    answers: list[str | None] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    given: bool = False
    """Whether some row has a reference of its own."""


def consensus(
    file: str | None,
    out: str | None,
    verifier: str | None,
    columns: Sequence[str],
    weights: Sequence[str],
    min_share: float | None,
    deadline_s: float,
    as_json: bool,
) -> None:
    """Writes a file's rows with the answer that most responses to their task agree on; counts tasks by what came of it.

    Adds `reference` and `reference_source` (`given`, `consensus` or null), `winner`, `share`, `entropy`, `votes`,
    `abstained` and `agrees`. A reference that stands is kept. The file is read twice: answers are held, responses not.
    Raises UserError for a file without rows, responses or tasks to group them by, and for weights that are none.
    """
    if file is None or out is None:
        raise UserError("verify --consensus needs a FILE of responses and -o OUT.")
    if verifier is not None:
        check_name(verifier)
        if verifier not in VOTED:
            raise UserError(f"Answers for {verifier!r} are not voted on: the verifier must be {', '.join(VOTED)}.")
    names = columns_of(columns, COLUMNS)
    tasks, places = _read(file, verifier, names, _teacher_weights(weights))
    with Pool(deadline_s=deadline_s) as pool:
        ballots = [Ballot(tuple(task.answers), tuple(task.weights), task.verifier, task.spec) for task in tasks]
        counted = votes(ballots, pool.judge_many)
    least = MIN_SHARE if min_share is None else min_share
    results = [_Result(task, vote, least) for task, vote in zip(tasks, counted, strict=True)]
    agreeing: Counter[bool | None] = Counter()
    with writing_rows(out) as writer:
        for row, place in zip(read_rows(file), places, strict=True):
            own = row.get(names["reference"])
            added = _NOT_VOTED if place is None else results[place[0]].columns(place[1])
            agreeing[added["agrees"]] += 1
            source = "given" if text_of(own).strip() else added["reference_source"]
            reference = added["winner"] if source == "consensus" else own
            writer.write({**row, **added, names["reference"]: reference, "reference_source": source})
    tell(
        {
            "out": out,
            "rows": len(places),
            "tasks": dict(Counter(result.outcome for result in results)),
            "responses": {"agree": agreeing[True], "disagree": agreeing[False], "without": agreeing[None]},
        },
        as_json,
    )


def _read(
    file: str, verifier: str | None, names: dict[str, str], by_teacher: dict[str, float]
) -> tuple[list[_Task], list[tuple[int, int] | None]]:
    """Gives the tasks of a file, and per row the number of its task and its position there; None for no vote."""
    tasks: list[_Task] = []
    numbers: dict[tuple[str, str, str], int] = {}
    places: list[tuple[int, int] | None] = []
    teachers: set[str] = set()
    for line, row in enumerate(read_rows(file), 1):
        needs(row, [names["response"]], file)
        chosen = verifier or row.get(names["verifier"]) or "math"
        if not isinstance(chosen, str):
            raise UserError(f"{file}, row {line}: {names['verifier']!r} holds no name of a verifier.")
        check_name(chosen)
        if chosen not in VOTED:
            places.append(None)
            continue
        key = task_key(row, names)
        if key is None:
            raise UserError(
                f"{file}, row {line} names no task: give a problem's text (--column problem=COLUMN) or a task_id."
            )
        spec = spec_text(row.get(names["spec"]))
        number = numbers.setdefault((chosen, spec, key), len(tasks))
        if number == len(tasks):
            tasks.append(_Task(chosen, spec))
        task, teacher = tasks[number], text_of(row.get(names["teacher"]))
        teachers.add(teacher)
        places.append((number, len(task.answers)))
        task.answers.append(answer_of(text_of(row[names["response"]]), chosen, spec))
        task.weights.append(_weight(row.get(names["weight"]), f"{file}, row {line}") * by_teacher.get(teacher, 1.0))
        task.given = task.given or bool(text_of(row.get(names["reference"])).strip())
    if not places:
        raise UserError(f"{file} has no rows: give a file with at least one response.")
    for name in by_teacher.keys() - teachers:
        near = difflib.get_close_matches(name, teachers, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"the column {names['teacher']!r} has no such name."
        raise UserError(f"--weight names the teacher {name!r}, of whom {file} has no row: {hint}")
    return tasks, places


def task_key(row: dict[str, Any], names: dict[str, str]) -> str | None:
    """Gives what rows of one task have in common: the task's id, else the problem in dedup's normal form, else `id`."""
    found = row.get(names["task_id"])
    if isinstance(found, str | int) and str(found).strip():
        return f"id {found}"
    problems = _PROBLEM if names["problem"] == "problem" else (names["problem"],)
    for name in problems:
        if isinstance(row.get(name), str) and row[name].strip():
            return f"problem {normalise(row[name])}"
    found = row.get("id")
    return f"id {found}" if isinstance(found, str | int) and str(found).strip() else None


@dataclass(frozen=True)
class _Result:
    """A task's vote, and whether it is enough for a reference."""

    task: _Task
    vote: Vote
    min_share: float

    @property
    def outcome(self) -> str:
        """What becomes of the task's reference, in a word or two that are counted."""
        vote = self.vote
        if self.task.given:
            return "given"
        if not vote.groups:
            return "no answer"
        if vote.winner is None:
            return "undecided" if vote.undecided else "tie"
        if len(vote.groups[0].members) < MIN_AGREEING:
            return "one answer alone"
        return "weak" if vote.reference(self.min_share) is None else "consensus"

    def columns(self, position: int) -> dict[str, Any]:
        """Gives what is added to the row of one response."""
        vote, won = self.vote, self.outcome == "consensus"
        silent = vote.winner is None or position in vote.abstained
        return {
            "reference_source": "consensus" if won else None,
            "winner": vote.winner,
            "share": round(vote.share, 6),
            "entropy": round(vote.entropy, 6),
            "votes": len(self.task.answers),
            "abstained": len(vote.abstained),
            "agrees": None if silent else position in vote.groups[0].members,
        }


_NOT_VOTED: dict[str, Any] = dict.fromkeys(
    ("reference_source", "winner", "share", "entropy", "votes", "abstained", "agrees")
)
"""What a row of a program or formula gets."""


def _teacher_weights(pairs: Sequence[str]) -> dict[str, float]:
    weights = {}
    for pair in pairs:
        name, found, number = pair.rpartition("=")
        if not found or not name:
            raise UserError(f"--weight {pair!r} is not TEACHER=NUMBER, as in --weight large=2.")
        weights[name] = _weight(number, f"--weight {pair!r}")
    return weights


def _weight(given: Any, place: str) -> float:
    """Reads a weight, 1 where there is none; raises UserError for what is no finite number from 0 on."""
    if given is None:
        return 1.0
    try:
        weight = math.nan if isinstance(given, bool) else float(given)
    except (TypeError, ValueError, OverflowError):
        weight = math.nan
    if not math.isfinite(weight) or weight < 0:
        raise UserError(f"{place}: the weight {str(given)[:40]!r} is no number from 0 on; mend it or leave it out.")
    return weight
