"""Mutants and paraphrases of SAT answers, proven by a solver that reads the formula in its own way."""

import random
from collections.abc import Callable, Iterator

from verifiers.audit.probe import Case, Probe, boxed

MODELS = 3
"""Other satisfying assignments that are tried, at most."""

FLIPS = 8
"""Flipped bits that are tried, at most; clauses, too, that are added to a MUS."""

MUS_CLAUSES = 400
"""Clauses up to which MUSes are looked for: that asks a solver three times as often."""


def probes(case: Case, chance: random.Random) -> Iterator[Probe]:
    """Gives the probes of one case; none where the formula cannot be read, is large, or is hard."""
    from pysat.solvers import Glucose42

    try:
        clauses, k = _formula(case)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return
    with Glucose42(bootstrap_with=clauses) as solver:
        solver.conf_budget(20_000)
        satisfiable = solver.solve_limited(expect_interrupt=True)
        if satisfiable is None or not 0 < k <= 4096:
            return
        if not satisfiable:
            yield from _of_unsatisfiable(case, clauses, k, chance)
            return
        models: list[str] = []
        while len(models) < MODELS and solver.solve_limited(expect_interrupt=True):
            model = solver.get_model()[:k]
            models.append("".join("01"[literal > 0] for literal in model).ljust(k, "0"))
            solver.add_clause([-literal for literal in model] or [])
            solver.conf_budget(20_000)
    with Glucose42(bootstrap_with=clauses) as solver:
        yield from _of_models(case, models, chance, lambda bits: solver.solve(_literals(bits)))


def _of_models(case: Case, models: list[str], chance: random.Random, holds: Callable[[str], bool]) -> Iterator[Probe]:
    for number, bits in enumerate(models):
        yield Probe("paraphrase", "another assignment" if number else "an assignment", case.item(boxed(bits)))
    bits = models[0]
    yield Probe("paraphrase", "spaces in the box", case.item(boxed(f" {bits} ")))
    yield Probe("paraphrase", "a wrong box before", case.item(f"No: \\boxed{{{bits}1}}. {boxed(bits)}"))
    literals = "dimacs" in case.spec
    if literals:
        yield Probe("paraphrase", "literals", case.item(boxed(_written(bits))))
        yield Probe("paraphrase", "literals and 0", case.item(boxed(f"{_written(bits)} 0")))
        yield Probe("paraphrase", "a solver's line", case.item(boxed(f"v {_written(bits)} 0")))
    for at in chance.sample(range(len(bits)), min(FLIPS, len(bits))):
        flipped = bits[:at] + "10"[int(bits[at])] + bits[at + 1 :]
        if not holds(flipped):
            yield Probe("mutant", "flipped bit", case.item(boxed(flipped)))
            if literals:
                yield Probe("mutant", "flipped literal", case.item(boxed(f"{_written(flipped)} 0")))
    complement = bits.translate(str.maketrans("01", "10"))
    if not holds(complement):
        yield Probe("mutant", "complement", case.item(boxed(complement)))
    yield Probe("mutant", "a bit too few", case.item(boxed(bits[:-1])))
    yield Probe("mutant", "a bit too many", case.item(boxed(bits + bits[-1])))
    yield Probe("mutant", "UNSAT", case.item(boxed("UNSAT")))
    yield Probe("mutant", "another letter", case.item(boxed(bits[:-1] + "x")))
    family = "paraphrase" if case.spec.get("asks", "model") == "decision" else "mutant"
    yield Probe(family, "SAT without an assignment", case.item(boxed("SAT")))


def _of_unsatisfiable(case: Case, clauses: list[list[int]], k: int, chance: random.Random) -> Iterator[Probe]:
    certified = case.spec.get("asks", "model") == "certificate"
    for word in ("UNSAT", "unsatisfiable", "\\text{UNSAT}"):
        family, kind = ("mutant", "UNSAT without a MUS") if certified else ("paraphrase", "UNSAT")
        yield Probe(family, kind, case.item(boxed(word)))
    for wrong in ("SAT", "satisfiable", "0" * k, "1" * k):
        yield Probe("mutant", "a claim of SAT", case.item(boxed(wrong)))
    if certified and len(clauses) <= MUS_CLAUSES:
        yield from _of_mus(case, clauses, chance)


def _of_mus(case: Case, clauses: list[list[int]], chance: random.Random) -> Iterator[Probe]:
    """Gives probes around MUSes, found by leaving out clause after clause while no assignment satisfies the rest."""
    numbers = list(range(1, len(clauses) + 1))
    found = [_mus(clauses, order) for order in (numbers, numbers[::-1], chance.sample(numbers, len(numbers)))]
    mus = found[0]
    for other in found[1:]:
        if other != mus:
            yield Probe("paraphrase", "another MUS", case.item(boxed(_listed(other))))
            break
    for kind, right in (
        ("a MUS", _listed(mus)),
        ("a MUS with spaces", " ".join(map(str, mus))),
        ("a MUS in other order", _listed(mus[::-1])),
        ("a MUS in braces", f"\\{{{_listed(mus)}\\}}"),
        ("a MUS in brackets", f"[{_listed(mus)}]"),
    ):
        yield Probe("paraphrase", kind, case.item(boxed(right)))
    rest = [number for number in numbers if number not in mus]
    for number in mus:
        yield Probe("mutant", "a MUS without a clause", case.item(boxed(_listed([n for n in mus if n != number]))))
    for number in rest[:FLIPS]:
        yield Probe("mutant", "a MUS and a clause more", case.item(boxed(_listed([*mus, number]))))
        swapped = [number, *mus[1:]]
        if _mus(clauses, swapped) != sorted(swapped):
            yield Probe("mutant", "a MUS with another clause", case.item(boxed(_listed(swapped))))
    if rest:
        yield Probe("mutant", "all clauses", case.item(boxed(_listed(numbers))))
        if _holds(clauses, rest):
            yield Probe("mutant", "the other clauses", case.item(boxed(_listed(rest))))
    yield Probe("mutant", "a clause that is not there", case.item(boxed(_listed([*mus[:-1], len(clauses) + 1]))))
    yield Probe("mutant", "clause 0", case.item(boxed(_listed([0, *mus[1:]]))))


def _mus(clauses: list[list[int]], order: list[int]) -> list[int]:
    """Gives a minimal unsatisfiable subset of the clauses in `order`, ascending; empty where they can be satisfied."""
    if _holds(clauses, order):
        return []
    kept = list(order)
    for number in order:
        without = [n for n in kept if n != number]
        if not _holds(clauses, without):
            kept = without
    return sorted(kept)


def _holds(clauses: list[list[int]], numbers: list[int]) -> bool:
    """Tells whether some assignment satisfies these clauses: asked of another solver than the verifier's."""
    from pysat.solvers import Minisat22

    with Minisat22(bootstrap_with=[clauses[number - 1] for number in numbers]) as solver:
        return bool(solver.solve())


def _listed(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))


def _formula(case: Case) -> tuple[list[list[int]], int]:
    if "dimacs" in case.spec:
        from pysat.formula import CNF

        text = case.spec["dimacs"]
        header = next(line.split() for line in text.splitlines() if line.strip().startswith("p"))
        return CNF(from_string=text).clauses, int(header[2])
    clauses = []
    for part in case.spec["clauses"].split("&"):
        clause, sign = [], 1
        for letter in part.strip():
            if letter != "!":
                clause.append(sign * (ord(letter) - 64))
            sign = -1 if letter == "!" else 1
        clauses.append(clause)
    return clauses, int(case.spec["k"])


def _literals(bits: str) -> list[int]:
    return [i if bit == "1" else -i for i, bit in enumerate(bits, 1)]


def _written(bits: str) -> str:
    return " ".join(map(str, _literals(bits)))
