"""A verifier audited: what it says of right answers written differently, of wrong answers, and of junk.

Probes are proven by other ways than the verifier's: `reading`, a solver, a naive run, plain comparison. A **false
accept** is a mutant or junk that is judged correct, a **false reject** a paraphrase that is judged wrong or unparsable.
Verdicts that may feed no label (timeout, memory, crash, infrastructure, bad_reference) are counted apart.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from verifiers.audit import code_probes, junk, math_probes, sat_probes, word_probes
from verifiers.audit.probe import Case, Probe
from verifiers.judge import Item
from verifiers.verdict import Judgement

EXAMPLE_CHARS = 120

Judge = Callable[[Sequence[Item]], list[Judgement]]
"""`verifiers.pool.Pool.judge_many`, or what stands in its place."""


@dataclass(frozen=True, slots=True)
class Line:
    """What came of the probes of one kind."""

    verifier: str
    family: str
    """mutant, paraphrase or junk."""
    kind: str
    tried: int
    faults: int
    """False accepts of mutants and junk, false rejects of paraphrases."""
    unjudged: int
    example: str
    """One fault, in words; empty where there is none."""


@dataclass(frozen=True, slots=True)
class Report:
    """An audit's result."""

    cases: int
    lines: tuple[Line, ...]

    @property
    def false_accept(self) -> float:
        """Share of wrong answers that were judged correct."""
        return self._rate("mutant", "junk")

    @property
    def false_reject(self) -> float:
        """Share of right answers that were judged wrong or unparsable."""
        return self._rate("paraphrase")

    def _rate(self, *families: str) -> float:
        lines = [line for line in self.lines if line.family in families]
        judged = sum(line.tried - line.unjudged for line in lines)
        return sum(line.faults for line in lines) / judged if judged else 0.0

    def exceeds(self, max_false_accept: float, max_false_reject: float) -> str | None:
        """Gives the sentence about the limit that is passed, with the worst kind and an example; None within both."""
        for name, rate, limit, families in (
            ("false-accept", self.false_accept, max_false_accept, ("mutant", "junk")),
            ("false-reject", self.false_reject, max_false_reject, ("paraphrase",)),
        ):
            if rate > limit:
                worst = max((line for line in self.lines if line.family in families), key=lambda line: line.faults)
                return (
                    f"the {name} rate is {rate:.2%}, above the limit of {limit:.2%}; worst is {worst.family} "
                    f"{worst.kind!r} of {worst.verifier} ({worst.faults} of {worst.tried}), for example {worst.example}"
                )
        return None

    def as_dict(self) -> dict[str, Any]:
        """Gives the report as plain values."""
        rates = {"false_accept": self.false_accept, "false_reject": self.false_reject}
        return {"cases": self.cases, **rates, "lines": [asdict(line) for line in self.lines]}


def audit(cases: Sequence[Case], judge: Judge, seed: int = 0, heavy: bool = True) -> Report:
    """Makes the probes of all cases, has them judged, and counts. The same cases and seed give the same probes.

    `heavy` adds large junk (a megabyte, deep nesting) for the first case of each verifier.
    """
    probes = list(_probes(cases, seed, heavy))
    counts: dict[tuple[str, str, str], list[Any]] = {}
    for probe, judged in zip(probes, judge([probe.item for probe in probes]), strict=True):
        tally = counts.setdefault((probe.item.verifier, probe.family, probe.kind), [0, 0, 0, ""])
        tally[0] += 1
        if judged.verdict not in ("correct", "wrong", "unparsable"):
            tally[2] += 1
        elif (judged.verdict == "correct") != (probe.family == "paraphrase"):
            tally[1] += 1
            tally[3] = tally[3] or _example(probe, judged)
    return Report(len(cases), tuple(Line(*key, *tally) for key, tally in sorted(counts.items())))


def _probes(cases: Sequence[Case], seed: int, heavy: bool) -> Iterator[Probe]:
    begun: set[str] = set()
    for number, case in enumerate(cases):
        chance = random.Random(f"{seed}/{number}/{case.reference}")
        others = [other for other in cases if other.verifier == case.verifier]
        yield from _of_verifier(case, chance)
        yield from junk.probes(case, others, chance, heavy and case.verifier not in begun)
        begun.add(case.verifier)


def _of_verifier(case: Case, chance: random.Random) -> Iterator[Probe]:
    match case.verifier, case.spec.get("kind"):
        case ("choice", _) | ("math", "choice"):
            yield from word_probes.choice_probes(case, chance)
        case ("text", _) | ("math", "text"):
            yield from word_probes.text_probes(case, chance)
        case ("math", _):
            yield from math_probes.probes(case, chance)
        case ("sat", _):
            yield from sat_probes.probes(case, chance)
        case ("code", _):
            yield from code_probes.probes(case, chance)


def _example(probe: Probe, judged: Judgement) -> str:
    response = probe.item.response[-EXAMPLE_CHARS:]
    reference = probe.item.reference[:EXAMPLE_CHARS] or probe.item.spec[:EXAMPLE_CHARS]
    return f"{response!r} for {reference!r}, judged {judged.verdict}"
