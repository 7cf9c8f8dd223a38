"""Mutants and paraphrases of SAT answers, proven by a solver that reads the formula in its own way."""

import random
from collections.abc import Callable, Iterator

from verifiers.audit.probe import Case, Probe, boxed

MODELS = 3
"""Other satisfying assignments that are tried, at most."""

FLIPS = 8
"""Flipped bits that are tried, at most."""


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
            yield from _of_unsatisfiable(case, k)
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
    for at in chance.sample(range(len(bits)), min(FLIPS, len(bits))):
        flipped = bits[:at] + "10"[int(bits[at])] + bits[at + 1 :]
        if not holds(flipped):
            yield Probe("mutant", "flipped bit", case.item(boxed(flipped)))
    complement = bits.translate(str.maketrans("01", "10"))
    if not holds(complement):
        yield Probe("mutant", "complement", case.item(boxed(complement)))
    yield Probe("mutant", "a bit too few", case.item(boxed(bits[:-1])))
    yield Probe("mutant", "a bit too many", case.item(boxed(bits + bits[-1])))
    yield Probe("mutant", "UNSAT", case.item(boxed("UNSAT")))
    yield Probe("mutant", "another letter", case.item(boxed(bits[:-1] + "x")))


def _of_unsatisfiable(case: Case, k: int) -> Iterator[Probe]:
    asks = case.spec.get("asks", "model")
    if asks != "certificate":
        for word in ("UNSAT", "unsatisfiable", "\\text{UNSAT}"):
            yield Probe("paraphrase", "UNSAT", case.item(boxed(word)))
    for wrong in ("SAT", "satisfiable", "0" * k, "1" * k):
        yield Probe("mutant", "a claim of SAT", case.item(boxed(wrong)))


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
