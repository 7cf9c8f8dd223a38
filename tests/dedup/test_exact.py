"""The normal form collapses noise and never merges two problems."""

import re
import string
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dedup.exact import normalise, text_key

CASES = [line.split("\t") for line in (Path(__file__).parent / "texts.tsv").read_text("utf-8").splitlines() if line]
DECIDING = string.digits + "+-*/=<>^!()[]{}|&"

pieces = st.sampled_from(
    [
        *string.digits,
        *DECIDING,
        *"abxABn",
        "1.5",
        "12,345",
        ".5",
        "\\frac",
        "\\Delta",
        "word",
        "Find",
        " ",
        ", ",
        "? ",
        "$",
    ]
)
problems = st.lists(pieces, min_size=1, max_size=25).map("".join)


@pytest.mark.parametrize(("one", "other", "relation"), CASES)
def test_texts_are_one_or_two_as_the_case_says(one: str, other: str, relation: str) -> None:
    one, other = (text.encode().decode("unicode_escape") if "\\u" in text else text for text in (one, other))
    assert (text_key(one) == text_key(other)) == (relation == "same"), (normalise(one), normalise(other))


@given(st.text(max_size=60) | problems)
def test_normalising_twice_is_normalising_once(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once


@given(problems, st.data())
def test_a_changed_digit_sign_or_operator_makes_another_text(text: str, data: st.DataObject) -> None:
    places = [at for at, character in enumerate(text) if character in DECIDING]
    assume(places)
    at = data.draw(st.sampled_from(places))
    other = data.draw(st.sampled_from([c for c in DECIDING if c != text[at]]))
    assert normalise(text) != normalise(text[:at] + other + text[at + 1 :])


@given(problems, st.data())
def test_a_dropped_digit_sign_or_decimal_point_makes_another_text(text: str, data: st.DataObject) -> None:
    places = [at for at, character in enumerate(text) if character in DECIDING]
    places += [point.start() for point in re.finditer(r"(?<=\d)\.(?=\d)", text)]
    assume(places)
    at = data.draw(st.sampled_from(places))
    assert normalise(text) != normalise(text[:at] + text[at + 1 :])


@given(st.lists(st.sampled_from(["apples", "are", "Sold", "for", "12", "x+1", "in", "all"]), min_size=2), st.data())
def test_spacing_and_case_of_words_do_not_matter(words: list[str], data: st.DataObject) -> None:
    spaces = [data.draw(st.sampled_from([" ", "  ", "\n", "\u00a0", " \t "])) for _ in words]
    noisy = "".join(
        word.upper() + space if word.isalpha() else word + space for word, space in zip(words, spaces, strict=True)
    )
    assert text_key(noisy) == text_key(" ".join(words))


def test_long_runs_of_marks_take_linear_time() -> None:
    for run in (".", " ", ", ", "1,234", "\\frac{", "9" * 10, "(", " + "):
        normalise(run * 50_000 + "x")
