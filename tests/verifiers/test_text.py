"""Texts are one answer where they read the same, two where a mark makes another name, and no text takes long."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.verifiers.test_choice import HOSTILE
from verifiers.audit import audit
from verifiers.audit.bundled import cases as bundled
from verifiers.judge import Item, fast
from verifiers.pool import Pool
from verifiers.text import MAX_CHARS, normal, verify

CASES = [json.loads(line) for line in (Path(__file__).parent / "text_cases.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["why"])
def test_a_text_is_compared_as_a_reader_compares_it(case):
    judged = verify(case["response"], case["reference"], case.get("spec"))
    assert judged.verdict == case["verdict"], judged


def test_what_is_too_long_is_named_on_its_side():
    long = "x" * (MAX_CHARS + 1)
    assert verify("x", long).verdict == "bad_reference"
    assert verify("x", "x", {"accept": ["y"] * 2_000}).verdict == "bad_reference"
    judged = verify(f"\\boxed{{{long}}}", "x")
    assert (judged.verdict, judged.detail) == ("unparsable", "limit: characters")


@pytest.mark.parametrize("unit", [*HOSTILE, "ﷺ", "́", "~", '"', "[", "[]"], ids=repr)
def test_a_megabyte_of_anything_is_no_answer_of_the_reference(unit):
    response = (unit * 1_000_000)[:1_000_000]
    for text in (response, f"\\boxed{{{response}}}", f"Answer: {response}", f"\\boxed{{{response[:19_000]}}}"):
        assert verify(text, "Paris").verdict in ("wrong", "unparsable")
        assert verify("\\boxed{Paris}", text).verdict in ("bad_reference", "wrong")


@given(st.from_regex(r"[u-z]{2,8}( [b-z]{2,8}){0,2}", fullmatch=True))
def test_dress_is_left_out_in_whatever_order_it_was_put_on(text):
    for dressed in (
        f"**{text}.**",
        f"“{text}”.",
        f" {text.upper()} ",
        f"(`{text}`)",
        f"\\text{{{text}}}",
        f"The {text}",
    ):
        assert normal(dressed) == normal(text)


@given(st.text(), st.text(max_size=20))
def test_any_text_gets_a_verdict(response, reference):
    assert verify(response, reference).verdict in ("correct", "wrong", "unparsable", "bad_reference")


@given(st.text(alphabet="abcXYZ 019.-#+", min_size=1, max_size=12).filter(str.strip))
def test_a_boxed_text_is_correct_for_itself(text):
    assert verify(f"\\boxed{{{text}}}", text).verdict == "correct"


def test_it_is_judged_without_a_worker_and_by_its_name():
    judged = fast(Item("text", "\\boxed{paris}", "Paris", '{"accept": ["Lutetia"]}'))
    assert judged is not None and (judged.verdict, judged.extracted, judged.verifier) == ("correct", "paris", "text")


def test_its_audit_finds_no_fault():
    with Pool(workers=1) as pool:
        report = audit(bundled("text"), pool.judge_many)
    assert {line.family for line in report.lines} == {"mutant", "paraphrase", "junk"}
    assert [line for line in report.lines if line.faults or line.unjudged] == []
