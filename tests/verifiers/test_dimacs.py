"""A DIMACS text gives the formula that its writer meant, or a sentence; what is written is read back."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pysat.formula import CNF
from pysat.solvers import Cadical153

from verifiers.dimacs import Cnf, read, read_assignment, write

CASES = [json.loads(line) for line in (Path(__file__).parent / "dimacs_cases.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_text_is_read_as_it_is_meant_or_told_in_a_sentence(case):
    if "says" in case:
        with pytest.raises(ValueError, match=case["says"]):
            read(case["text"])
    else:
        formula = read(case["text"])
        assert (formula.variables, list(map(list, formula.clauses))) == (case["variables"], case["clauses"])


def test_files_of_a_solver_are_read_whole_and_have_the_status_that_their_authors_say(shared_data):
    text = gzip.decompress((shared_data / "dimacs_cases.jsonl.gz").read_bytes())
    rows = [json.loads(line) for line in text.splitlines()]
    assert len(rows) == 46
    for row in rows:
        formula = read(row["dimacs"])
        assert (formula.variables, len(formula.clauses)) == (row["n_vars"], row["n_clauses"]), row["name"]
        with Cadical153(bootstrap_with=formula.clauses) as solver:
            assert solver.solve() == (row["status"] == "SAT"), row["name"]
        assert read(write(formula, [row["name"]])) == formula


formulas = st.integers(1, 30).flatmap(
    lambda k: st.builds(
        Cnf,
        st.just(k),
        st.lists(
            st.lists(st.integers(1, k).flatmap(lambda v: st.sampled_from((v, -v))), max_size=6).map(tuple), max_size=12
        ).map(tuple),
    )
)


@given(formulas, st.lists(st.text(max_size=20), max_size=3))
def test_what_is_written_is_read_back_whatever_the_comments(formula, comments):
    assert read(write(formula, comments)) == formula


@given(formulas)
def test_another_reader_agrees_on_what_is_written(formula):
    assert CNF(from_string=write(formula)).clauses == list(map(list, formula.clauses))


@given(st.text(alphabet="pcnf 0123-%\n\tx\x00é", max_size=60))
def test_junk_is_a_formula_or_a_sentence(text):
    try:
        read(text)
    except ValueError as error:
        assert str(error)


@pytest.mark.parametrize(
    ("text", "true"),
    [
        ("1 -2 3 0", {1, -2, 3}),
        ("v 1 -2 3 0", {1, -2, 3}),
        ("v 1 -2\nv 3 0\n", {1, -2, 3}),
        ("1 -2", {1, -2}),
        ("", set()),
        ("1 1 0", {1}),
        ("1 -1 0", None),
        ("4 0", None),
        ("1 0 2", None),
        ("x1", None),
        ("1, 2", None),
        ("+1", None),
    ],
)
def test_an_assignment_is_literals_of_the_variables_without_contradiction(text, true):
    if true is None:
        with pytest.raises(ValueError, match=r"."):
            read_assignment(text, 3)
    else:
        assert read_assignment(text, 3) == true
