r"""The final answer is the content of the last \boxed, and of no other."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiers.boxed import Box, final_boxes, last_box

CASES = [json.loads(line) for line in (Path(__file__).parent / "boxed_cases.jsonl").read_text().splitlines()]

balanced = st.recursive(
    st.text(st.characters(exclude_characters="{}\\"), max_size=8)
    | st.sampled_from(["\\{", "\\}", "\\\\", "\\frac12", "$"]),
    lambda inner: st.lists(inner, max_size=4).map("".join) | inner.map("{{{}}}".format),
    max_leaves=20,
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["why"])
def test_the_last_box_is_the_answer(case):
    box = last_box(case["text"])
    assert (None if box is None else [box.content]) == case["box"]


@given(st.text(), balanced, st.sampled_from(["", " ", "\n", "  \t"]), st.text(st.characters(exclude_characters="\\")))
def test_any_balanced_content_comes_back_whatever_surrounds_it(before, content, space, after):
    box = last_box(f"{before} \\boxed{space}{{{content}}}{after}")
    assert box is not None and box.content == content.strip()


@given(st.text(), balanced, st.text(st.characters(exclude_characters="\\}")))
def test_an_unclosed_last_box_never_falls_back_to_an_earlier_one(before, content, after):
    box = last_box(f"{before}\\boxed{{7}} then \\boxed{{{content}{after}")
    assert box is not None and box.content is None


@given(st.text(st.sampled_from("\\boxed{} a1")) | st.text())
def test_the_extractor_is_total_and_its_span_is_in_the_text(text):
    box = last_box(text)
    if box is not None:
        assert text.startswith("\\boxed", box.start) and box.start < box.end <= len(text)
        if box.content is not None:
            assert text[: box.end].endswith("}")
    for one in final_boxes(text):
        assert isinstance(one, Box)


@pytest.mark.parametrize(
    "text",
    [
        "\\boxed{" + "{" * 100_000,
        "\\boxed{" * 100_000,
        "\\boxed " * 100_000,
        "\\boxed" + " " * 5_000_000,
        "}" * 100_000,
    ],
    ids=["braces", "unclosed boxes", "mentions", "spaces", "closers"],
)
def test_hostile_text_is_read_in_one_pass(text):
    box = last_box(text)
    assert box is None or box.content is None


@pytest.mark.parametrize(
    ("text", "contents"),
    [
        ("\\boxed{1}, \\boxed{2}", ["1", "2"]),
        ("$\\boxed{1}$ and $\\boxed{2}$", ["1", "2"]),
        ("\\[\\boxed{(1, 2)} \\quad \\text{and} \\quad \\boxed{(3, 4)}\\]", ["(1, 2)", "(3, 4)"]),
        ("$y_1 = \\boxed{a}$ or $y_2 = \\boxed{b}$", ["a", "b"]),
        ("\\boxed{1}\\boxed{2}", ["1", "2"]),
        ("\\boxed{1} so \\boxed{2}", ["2"]),
        ("\\boxed{1}. Then, \\boxed{2}", ["2"]),
        ("\\boxed{1}, \\boxed{2", [None]),
    ],
)
def test_only_boxes_with_nothing_but_a_comma_or_an_and_between_them_are_one_answer(text, contents):
    found = [box.content for box in final_boxes(text)]
    assert found[-len(contents) :] == contents and (contents == [None] or len(found) == len(contents))


def test_a_response_of_50_mb_is_read():
    box = last_box("x" * 25_000_000 + "\\boxed{7}" + "y" * 25_000_000)
    assert box == Box("7", 25_000_000, 25_000_009)


def test_a_box_of_50_mb_is_malformed():
    box = last_box("\\boxed{" + "{}" * 25_000_000 + "}")
    assert box is not None and box.content is None
