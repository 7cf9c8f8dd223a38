"""A SAT answer is right when, and only when, its box holds an assignment that satisfies the formula."""

import gzip
import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pysat.examples.optux import OptUx
from pysat.formula import CNF
from pysat.solvers import Cadical153

from tests.verifiers.test_unsat import pigeons
from verifiers.dimacs import write
from verifiers.judge import Item
from verifiers.pool import Pool
from verifiers.sat import verify

SPEC = {"n": 2, "k": 3, "l": 2, "clauses": "!AB & !B!C", "n_solutions": 3}


def rows(path):
    return [json.loads(line) for line in gzip.open(path, "rt")]


def satisfied(clauses: str, bits: str) -> bool:
    """An independent reading of the published text, character by character."""
    for clause in clauses.split(" & "):
        literals = []
        negated = False
        for character in clause:
            if character == "!":
                negated = True
            else:
                literals.append((bits[ord(character) - 65] == "1") != negated)
                negated = False
        if not any(literals):
            return False
    return True


@pytest.mark.parametrize(
    ("response", "verdict"),
    [
        ("\\boxed{000}", "correct"),
        ("first \\boxed{111}, no: \\boxed{ 001 }", "correct"),
        ("\\boxed{011}", "wrong"),
        ("\\boxed{}", "unparsable"),
        ("\\boxed{00}", "unparsable"),
        ("\\boxed{0000}", "unparsable"),
        ("\\boxed{0 0 0}", "unparsable"),
        ("\\boxed{00x}", "unparsable"),
        ("\\boxed{٠٠٠}", "unparsable"),
        ("\\boxed{0_0}", "unparsable"),
        ("000", "unparsable"),
        ("\\boxed{000} or rather \\boxed{01", "unparsable"),
        ("", "unparsable"),
    ],
)
def test_the_last_box_decides(response, verdict):
    judged = verify(response, "", SPEC)
    assert (judged.verdict, judged.verifier) == (verdict, "sat")


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"k": 3},
        {"clauses": "AB"},
        {"k": "3", "clauses": "AB"},
        {"k": True, "clauses": "A"},
        {"k": 0, "clauses": ""},
        {"k": 10**9, "clauses": "A"},
        {"k": 3, "clauses": ["AB"]},
        {"k": 3, "clauses": None},
        {"k": 3, "clauses": ""},
        {"k": 3, "clauses": "AB & "},
        {"k": 3, "clauses": "AD"},
        {"k": 3, "clauses": "A!"},
        {"k": 3, "clauses": "A!!B"},
        {"k": 3, "clauses": "A B"},
        {"k": 3, "clauses": "A | B"},
        {"k": 3, "n": 3, "clauses": "AB"},
        {"k": 3, "l": 2, "clauses": "AB"},
        {"k": 3, "l": [], "clauses": "AB"},
    ],
)
def test_an_unusable_spec_is_a_bad_reference_whatever_the_answer(spec):
    judged = verify("\\boxed{000}", "", spec)
    assert judged.verdict == "bad_reference" and judged.detail


def test_published_solutions_are_right_and_every_flip_of_a_bit_is_judged_as_the_formula_says(shared_data):
    wrong = 0
    for name in ("saturn_sat_train", "saturn_sat_test_half"):
        for row in rows(shared_data / f"{name}.jsonl.gz"):
            spec = {"n": row["n"], "k": row["k"], "l": row["l"], "clauses": row["clause"]}
            assert verify(f"\\boxed{{{row['solution']}}}", "", spec).verdict == "correct", row["id"]
            for i in range(row["k"]):
                flipped = "01"[row["solution"][i] == "0"]
                mutant = row["solution"][:i] + flipped + row["solution"][i + 1 :]
                verdict = verify(f"\\boxed{{{mutant}}}", "", spec).verdict
                assert verdict == ("correct" if satisfied(row["clause"], mutant) else "wrong")
                wrong += verdict == "wrong"
    assert wrong > 1000


def test_the_number_of_accepted_assignments_is_the_published_number_of_solutions(shared_data):
    for row in rows(shared_data / "saturn_sat_train.jsonl.gz")[::40]:
        spec = {"k": row["k"], "clauses": row["clause"]}
        assignments = ("".join(bits) for bits in itertools.product("01", repeat=row["k"]))
        accepted = sum(verify(f"\\boxed{{{bits}}}", "", spec).verdict == "correct" for bits in assignments)
        assert accepted == row["n_solutions"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)
)


@given(st.text(), st.dictionaries(st.sampled_from(["k", "n", "l", "clauses", "x"]), json_values))
def test_junk_gets_a_verdict_and_never_an_exception(response, spec):
    assert verify(response, "", spec).verdict in ("bad_reference", "unparsable")


CASES = [json.loads(line) for line in (Path(__file__).parent / "sat_cases.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_claims_and_certificates_are_judged_by_the_formula(case):
    judged = verify(f"so \\boxed{{{case['answer']}}}", "", case["spec"])
    assert judged.verdict == case["verdict"], judged
    assert judged.verdict == "correct" or judged.detail


def test_a_box_in_the_thought_is_no_answer():
    assert verify("<think>\\boxed{000}</think> done", "", SPEC).verdict == "unparsable"
    assert verify("\\boxed{011}</think> \\boxed{000}", "", SPEC).verdict == "correct"
    assert verify("<think>\\boxed{000}", "", SPEC).verdict == "unparsable"


def test_files_of_a_solver_are_tasks_models_and_unsat_are_right_and_their_opposites_wrong(shared_data):
    for row in rows(shared_data / "dimacs_cases.jsonl.gz"):
        spec = {"dimacs": row["dimacs"]}
        with Cadical153(bootstrap_with=CNF(from_string=row["dimacs"]).clauses) as solver:
            model = solver.get_model() if solver.solve() else None
        unsat = verify("\\boxed{UNSAT}", "", spec).verdict
        assert unsat == ("correct" if row["status"] == "UNSAT" else "wrong"), row["name"]
        if model is not None:
            lines = f"\\boxed{{v {' '.join(map(str, model))} 0}}"
            assert verify(lines, "", spec).verdict == "correct", row["name"]
            bits = "".join("01"[literal > 0] for literal in model).ljust(row["n_vars"], "0")
            assert verify(f"\\boxed{{{bits}}}", "", spec).verdict == "correct", row["name"]


@pytest.mark.parametrize("name", ["ph6.cnf", "full7.cnf", "add16.cnf", "elimclash.cnf", "unit5.cnf", "false.cnf"])
def test_a_mus_of_a_solver_is_a_certificate_and_with_a_clause_more_or_less_it_is_none(name, shared_data):
    [row] = [row for row in rows(shared_data / "dimacs_cases.jsonl.gz") if row["name"] == name]
    spec = {"dimacs": row["dimacs"], "asks": "certificate", "answer": "unsat"}
    formula = CNF(from_string=row["dimacs"])
    mus = [1] if name == "false.cnf" else OptUx(formula.weighted()).compute()
    box = "\\boxed{{{}}}".format
    assert verify(box(", ".join(map(str, mus))), "", spec).verdict == "correct"
    if len(mus) > 1:
        assert verify(box(" ".join(map(str, mus[1:]))), "", spec).detail == "these clauses can be satisfied together"
    others = sorted(set(range(1, len(formula.clauses) + 1)) - set(mus))
    if others:
        assert "not minimal" in verify(box(" ".join(map(str, [*mus, others[0]]))), "", spec).detail


def test_what_takes_a_solver_long_is_ended_by_the_deadline_of_the_pool():
    hard = write(pigeons(11))
    with Pool(workers=1, deadline_s=1.0) as pool:
        item = Item("sat", "\\boxed{UNSAT}", "", json.dumps({"dimacs": hard}))
        assert [judged.verdict for judged in pool.judge_many([item])] == ["timeout"]
