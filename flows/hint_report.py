"""What hinting came to: traces, positions, runs of code, right and wrong, tokens, and the same for the controls."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from catalog.records import Hinting


@dataclass(frozen=True)
class HintReport:
    """Hinting in numbers."""

    subjects: int
    """Traces and tasks that were looked at."""
    reasons: dict[str, int]
    """What came of them: improved, rescued, prompted, or why nothing."""
    counts: dict[str, Any]
    """Sums over all of them (see generators.cort.counts)."""

    def as_dict(self) -> dict[str, Any]:
        """Gives it as plain values for JSON."""
        return {"subjects": self.subjects, "reasons": self.reasons, "counts": self.counts}


def report(rows: Iterable[Hinting]) -> HintReport:
    """Gives the report of the hintings of a build or a file."""
    subjects, reasons, counts = 0, Counter[str](), dict[str, Any]()
    for row in rows:
        subjects += 1
        reasons[row.reason] += 1
        counts = _sum(counts, json.loads(row.counts))
    return HintReport(subjects, dict(reasons.most_common()), counts)


def from_dict(values: dict[str, Any]) -> HintReport:
    """Gives back a report from `as_dict` of one."""
    return HintReport(**values)


def _sum(a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _sum(a.get(key, {}), b.get(key, {}))
        if isinstance(a.get(key, b.get(key)), dict)
        else a.get(key, 0) + b.get(key, 0)
        for key in {**a, **b}
    }


def lines(of: HintReport) -> list[str]:
    """Gives the report for a person, a fact a line."""
    c = of.counts
    told = [f"looked at {of.subjects:,}: {_listed(of.reasons)}"]
    if not c:
        return told
    if c["parents"]:
        told.append(
            f"traces {c['parents']:,} ({c['parents_right']:,} right), positions {c['found']:,} found; tried by kind "
            f"and third of the trace: {_listed(c['tried'])}; kept: {_listed(c['kept'])}"
        )
        told.append(
            f"improved {c['improved']:,} right traces from {c['tokens_before']:,} to {c['tokens_after']:,} tokens, "
            f"rescued {c['rescued']:,} wrong ones; continuations of right traces: {c['stayed_right']:,} stayed right, "
            f"{c['right_to_wrong']:,} became wrong; of wrong ones {c['wrong_to_right']:,} became right"
        )
    for name in ("hinted", "without_hint", "prompted", "plain_tool_prompt"):
        arm = c[name]
        if arm["traces"]:
            told.append(
                f"{name}: {arm['traces']:,} traces, {arm['right']:,} right, {arm['wrong']:,} wrong, "
                f"{arm['tokens'] / arm['traces']:,.0f} tokens each, code in {arm['with_code']:,}"
            )
    told.append(f"runs of code: {_listed(c['statuses'])}; kinds: {_listed(c['kinds'])}")
    return told


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in sorted(counts.items())) or "none"
