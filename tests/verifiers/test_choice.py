"""Letters are read as models write them, what is denied is no answer, and no text takes long."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiers.audit import audit
from verifiers.audit.bundled import cases as bundled
from verifiers.choice import verify
from verifiers.judge import Item, fast
from verifiers.pool import Pool

CASES = [json.loads(line) for line in (Path(__file__).parent / "choice_cases.jsonl").read_text().splitlines()]
FOUR = {"choices": ["10", "12", "14", "16"]}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["why"])
def test_a_letter_is_read_where_a_reader_finds_it(case):
    judged = verify(case["response"], case["reference"], case.get("spec"))
    assert judged.verdict == case["verdict"], judged


def test_each_way_of_stating_b_states_every_other_letter_too():
    ways = [case["response"] for case in CASES if case["reference"] == "B" and case["verdict"] == "correct"]
    ways = [way for way in ways if way.count("B") == 1 and not any(c in way for c in "ACDEb")]
    assert len(ways) > 30
    for way in ways:
        for letter in "CDEFGHJ":
            assert verify(way.replace("B", letter), letter).verdict == "correct", (way, letter)
            assert verify(way.replace("B", letter), "B").verdict == "wrong", (way, letter)


def test_the_verdict_is_the_same_whichever_side_is_the_reference():
    answers = ["A", "(B)", "C.", "B, D", "D and B", "12", "12.0", "B) 12", "BD", "\\text{(C)}", "14"]
    for a in answers:
        for b in answers:
            there, back = (verify(f"\\boxed{{{x}}}", y, FOUR).verdict for x, y in ((a, b), (b, a)))
            assert there == back, (a, b)


HOSTILE = [
    *(
        "a",
        "\x00",
        "(",
        "{",
        "\\boxed{",
        "\\text{",
        "\n",
        "*",
        "\n*",
        "answer ",
        "answer is ",
        "answer: ",
        "A, ",
        "A and ",
    ),
    *("option A is ", "the answer ", "is the ", ". ", "choose the option ", "therefore thus ", "\\text ", "\\left("),
]


@pytest.mark.parametrize("unit", HOSTILE, ids=repr)
def test_a_megabyte_of_anything_is_no_answer_of_the_reference(unit):
    response = (unit * 1_000_000)[:1_000_000]
    for text in (response, f"\\boxed{{{response}}}", f"Answer: {response}"):
        assert verify(text, "B").verdict in ("wrong", "unparsable")
        assert verify("\\boxed{B}", text).verdict in ("bad_reference", "wrong")


@given(st.text(), st.text(max_size=20))
def test_any_text_gets_a_verdict(response, reference):
    verdicts = ("correct", "wrong", "unparsable", "bad_reference")
    assert verify(response, reference).verdict in verdicts
    assert verify(response, reference, FOUR).verdict in verdicts


@given(st.sampled_from("ABCD"), st.sampled_from("ABCD"), st.sampled_from(["{}", "({})", "Answer: {}", "\\boxed{{{}}}"]))
def test_a_letter_is_correct_for_itself_alone(given_letter, reference, way):
    expected = "correct" if given_letter == reference else "wrong"
    assert verify(way.format(given_letter), reference, FOUR).verdict == expected


def test_it_is_judged_without_a_worker_and_by_its_name():
    judged = fast(Item("choice", "\\boxed{B}", "B", "{}"))
    assert judged is not None and (judged.verdict, judged.extracted, judged.verifier) == ("correct", "B", "choice")


def test_its_audit_finds_no_fault():
    with Pool(workers=1) as pool:
        report = audit(bundled("choice"), pool.judge_many)
    assert {line.family for line in report.lines} == {"mutant", "paraphrase", "junk"}
    assert [line for line in report.lines if line.faults or line.unjudged] == []
