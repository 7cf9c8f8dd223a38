"""The audit of references: which of a file's right answers cannot be read, or contradict each other."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from catalog.errors import UserError
from dedup.exact import normalise
from flows.on_files import columns_of, needs, spec_text, tell, text_of
from flows.rows import read_rows, writing_rows
from verifiers.judge import Item
from verifiers.pool import Pool

_PROBLEM = ("problem", "prompt", "question")


def audit(file: str | None, out: str | None, columns: Sequence[str], deadline_s: float, as_json: bool) -> None:
    """Writes a file's rows with `flags` and `flag_detail`; counts rows by flag.

    Flags: `unreadable` (the row's verifier cannot use the reference), `contradiction` (the same problem, in dedup's
    normal form, has another reference elsewhere in the file, by the verifier in both directions). Verifiers whose tasks
    have no reference (`sat`, `code`) are not looked at. Raises UserError for a file without rows or columns.
    """
    if file is None or out is None:
        raise UserError("verify --references needs a FILE of tasks and -o OUT.")
    names = columns_of(columns)
    rows = list(read_rows(file))
    if not rows:
        raise UserError(f"{file} has no rows: give a file with at least one task.")
    needs(rows[0], [names["reference"]], file)
    flags: list[dict[str, str]] = [{} for _ in rows]
    by_problem: dict[tuple[str, str], list[int]] = {}
    looked_at = []
    for i, row in enumerate(rows):
        verifier = row.get(names["verifier"]) or "math"
        if verifier in ("sat", "code"):
            continue
        looked_at.append((i, verifier))
        problem = next((row[name] for name in _PROBLEM if isinstance(row.get(name), str)), None)
        if problem is not None:
            by_problem.setdefault((verifier, normalise(problem)), []).append(i)

    def item(verifier: str, answered: int, reference: int) -> Item:
        texts = [text_of(rows[j].get(names["reference"])) for j in (answered, reference)]
        response = texts[0] if "\\boxed" in texts[0] else f"\\boxed{{{texts[0]}}}"
        return Item(verifier, response, texts[1], spec_text(rows[reference].get(names["spec"])))

    with Pool(deadline_s=deadline_s) as pool:
        themselves = pool.judge_many([item(verifier, i, i) for i, verifier in looked_at])
        for (i, _), judged in zip(looked_at, themselves, strict=True):
            if judged.verdict != "correct" and judged.verdict != "infrastructure":
                flags[i]["unreadable"] = judged.detail or f"judged {judged.verdict} against itself"
        pairs = [
            (verifier, group[0], other)
            for (verifier, _), group in by_problem.items()
            for other in group[1:]
            if not flags[group[0]] and not flags[other]
        ]
        there = pool.judge_many([item(verifier, a, b) for verifier, a, b in pairs])
        back = pool.judge_many([item(verifier, b, a) for verifier, a, b in pairs])
    for (_, a, b), one, two in zip(pairs, there, back, strict=True):
        if one.verdict == two.verdict == "wrong":
            for i, j in ((a, b), (b, a)):
                text = text_of(rows[j][names["reference"]])[:100]
                flags[i]["contradiction"] = f"row {j + 1} has the same problem and the reference {text!r}"
    with writing_rows(out) as writer:
        for row, found in zip(rows, flags, strict=True):
            writer.write({**row, "flags": list(found), "flag_detail": "; ".join(found.values())})
    counted = Counter(name for found in flags for name in found)
    result: dict[str, Any] = {"out": out, "rows": len(rows), "flagged": sum(map(bool, flags)), "flags": dict(counted)}
    tell(result, as_json)
