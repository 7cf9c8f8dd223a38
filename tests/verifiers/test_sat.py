"""A SAT answer is right when, and only when, its box holds an assignment that satisfies the formula."""

import gzip
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
