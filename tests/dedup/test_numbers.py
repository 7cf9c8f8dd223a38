"""Numbers tell a problem from the same problem with other values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedup.numbers import canonical_reference, numbers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He pays $1,000 and 1{,}000 and 1000", ("1000", "1000", "1000")),
        ("1.50 of 1.5 and .5", ("0.5", "1.5", "1.5")),
        ("two cats, Twelve dogs, no one else", ("12", "2")),
        ("x² - 007", ("2", "7")),
        ("the points (1, 2) and {1,2}", ("1", "1", "2", "2")),
        ("nothing here", ()),
    ],
)
def test_numbers_of_a_text(text: str, expected: tuple[str, ...]) -> None:
    assert numbers(text) == expected


@given(st.text(max_size=200), st.text(max_size=50))
def test_any_text_has_numbers_and_a_reference(text: str, tail: str) -> None:
    assert list(numbers(text)) == sorted(numbers(text))
    canonical_reference(text + tail)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("$1{,}000$", "1000", True),
        ("\\dfrac{1}{2}", "0.5", True),
        ("2/4", "1/2", True),
        ("x + 1", "x+1", True),
        ("(1, 2)", "(1,2)", True),
        ("-1", "1", False),
        ("1.5", "15", False),
        ("x-1", "x+1", False),
        ("1/0", "1/1", False),
        ("9" * 5000, "9" * 5001, False),
    ],
)
def test_references_agree_by_value(one: str, other: str, same: bool) -> None:
    assert (canonical_reference(one) == canonical_reference(other)) == same
