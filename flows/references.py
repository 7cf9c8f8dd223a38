"""The audit of references: which of a file's right answers cannot be read, or are contradicted."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from catalog.errors import UserError
from flows.on_files import columns_of, needs, spec_text, tell, text_of
from flows.rows import read_rows, writing_rows
from flows.voting import COLUMNS, task_key
from verifiers import consensus
from verifiers.consensus import VOTED, Ballot, Judge, answer_of, votes
from verifiers.judge import Item, check_name
from verifiers.pool import Pool

MAJORITY_SHARE = 0.75
"""Share of the responses, those without an answer included, from which a majority speaks against a reference."""

MAJORITY_AGREEING = 3
"""Responses that agree in such a majority, at least."""


@dataclass(frozen=True, slots=True)
class _Referenced:
    """A row whose reference is looked at; `group` is the same for rows of one problem, None where none is named."""

    number: int
    verifier: str
    spec: str
    reference: str
    group: tuple[str, str] | None
    answer: str | None
    """What the row's response answers, where it has one."""


def audit(
    file: str | None, out: str | None, columns: Sequence[str], min_share: float | None, deadline_s: float, as_json: bool
) -> None:
    """Writes a file's rows with `flags` and `flag_detail`; counts rows by flag.

    Flags: `unreadable` (the row's verifier cannot use the reference), `contradiction` (the same problem, in dedup's
    normal form, has another reference elsewhere in the file, by the verifier in both directions), `majority` (at least
    `min_share` of the problem's responses, and three of them, agree on another answer). Verifiers whose tasks have no
    reference (`sat`, `code`) are not looked at. Raises UserError for a file without rows or columns.
    """
    if file is None or out is None:
        raise UserError("verify --references needs a FILE of tasks and -o OUT.")
    names = columns_of(columns, COLUMNS)
    rows = list(read_rows(file))
    if not rows:
        raise UserError(f"{file} has no rows: give a file with at least one task.")
    needs(rows[0], [names["reference"]], file)
    found = [one for number, row in enumerate(rows) if (one := _referenced(number, row, names))]
    flags: list[dict[str, str]] = [{} for _ in rows]
    with Pool(deadline_s=deadline_s) as pool:
        _flag_unreadable(found, flags, pool.judge_many)
        readable = [one for one in found if not flags[one.number]]
        _flag_contradictions(readable, flags, pool.judge_many)
        _flag_majorities(readable, flags, MAJORITY_SHARE if min_share is None else min_share, pool.judge_many)
    with writing_rows(out) as writer:
        for row, flagged in zip(rows, flags, strict=True):
            writer.write({**row, "flags": list(flagged), "flag_detail": "; ".join(flagged.values())})
    counted = Counter(name for flagged in flags for name in flagged)
    result: dict[str, Any] = {"out": out, "rows": len(rows), "flagged": sum(map(bool, flags)), "flags": dict(counted)}
    tell(result, as_json)


def _referenced(number: int, row: dict[str, Any], names: dict[str, str]) -> _Referenced | None:
    verifier = str(row.get(names["verifier"]) or "math")
    check_name(verifier)
    if verifier not in VOTED:
        return None
    spec, key = spec_text(row.get(names["spec"])), task_key(row, names)
    response = row.get(names["response"])
    answer = None if response is None else answer_of(text_of(response), verifier, spec)
    group = None if key is None else (verifier, key)
    return _Referenced(number, verifier, spec, text_of(row.get(names["reference"])), group, answer)


def _item(answer: str, to: _Referenced) -> Item:
    return consensus.item(to.verifier, answer, to.reference, to.spec)


def _flag_unreadable(found: Sequence[_Referenced], flags: list[dict[str, str]], judge_many: Judge) -> None:
    judged = judge_many([_item(one.reference, one) for one in found])
    for one, itself in zip(found, judged, strict=True):
        if itself.verdict not in ("correct", "infrastructure"):
            flags[one.number]["unreadable"] = itself.detail or f"judged {itself.verdict} against itself"


def _flag_contradictions(found: Sequence[_Referenced], flags: list[dict[str, str]], judge_many: Judge) -> None:
    first: dict[tuple[str, str], _Referenced] = {}
    pairs = [(first[one.group], one) for one in found if one.group and first.setdefault(one.group, one) is not one]
    there = judge_many([_item(a.reference, b) for a, b in pairs])
    back = judge_many([_item(b.reference, a) for a, b in pairs])
    for pair, one, two in zip(pairs, there, back, strict=True):
        if one.verdict == two.verdict == "wrong":
            for here, other in (pair, pair[::-1]):
                text = other.reference[:100]
                what = f"row {other.number + 1} has the same problem and the reference {text!r}"
                flags[here.number]["contradiction"] = what


def _flag_majorities(
    found: Sequence[_Referenced], flags: list[dict[str, str]], min_share: float, judge_many: Judge
) -> None:
    groups: dict[tuple[str, str, str], list[_Referenced]] = {}
    for one in found:
        if one.group is not None:
            groups.setdefault((*one.group, one.spec), []).append(one)
    voting = [group for group in groups.values() if sum(one.answer is not None for one in group) >= MAJORITY_AGREEING]
    ballots = [Ballot(tuple(one.answer for one in group), None, group[0].verifier, group[0].spec) for group in voting]
    against = []
    for group, vote in zip(voting, votes(ballots, judge_many), strict=True):
        agreeing = len(vote.groups[0].members) if vote.groups else 0
        if vote.winner is not None and vote.share >= min_share and agreeing >= MAJORITY_AGREEING:
            what = f"{agreeing} of the problem's {len(group)} responses answer {vote.winner[:100]!r}"
            against += [(one, vote.winner, what) for one in group]
    there = judge_many([_item(winner, one) for one, winner, _ in against])
    back = judge_many([consensus.item(one.verifier, one.reference, winner, one.spec) for one, winner, _ in against])
    for (one, _, what), judged, other in zip(against, there, back, strict=True):
        if judged.verdict == other.verdict == "wrong":
            flags[one.number]["majority"] = what
