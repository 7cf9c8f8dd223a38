"""What passes between the processes is data: it comes back equal and of the same type, and garbage makes nothing."""

import collections
import datetime
import decimal
import fractions
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiers.code.values import MAX_DEPTH, Garbage, NotPlain, decode, dump, encode, load, renew

KEYS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(st.characters()),
    st.binary(),
    st.complex_numbers(allow_nan=False),
    st.fractions(),
    st.decimals(allow_nan=False),
    st.dates(),
    st.datetimes(),
    st.timedeltas(),
    st.builds(range, st.integers(-(2**70), 2**70), st.integers(), st.integers(1, 9)),
)
VALUES = st.recursive(
    KEYS,
    lambda inner: st.one_of(
        st.lists(inner),
        st.lists(inner).map(tuple),
        st.sets(KEYS),
        st.frozensets(KEYS),
        st.dictionaries(KEYS, inner),
        st.dictionaries(KEYS, inner).map(collections.OrderedDict),
        st.lists(inner).map(collections.deque),
        st.binary().map(bytearray),
    ),
)


def refuse(value):
    raise NotPlain(type(value).__name__)


def unknown(data):
    raise Garbage(str(data))


def types_of(value):
    if isinstance(value, dict):
        return [type(value), *(types_of(part) for pair in value.items() for part in pair)]
    if isinstance(value, list | tuple | collections.deque):
        return [type(value), *map(types_of, value)]
    return type(value)


@given(VALUES)
def test_a_value_comes_back_equal_and_of_its_type(value):
    again = decode(load(dump(encode(value, refuse))), unknown)
    assert again == value
    assert types_of(again) == types_of(value)


@given(st.recursive(st.none() | st.integers() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=5)))
def test_garbage_is_a_value_or_garbage_and_nothing_else(data):
    try:
        decode(data, unknown)
    except Garbage:
        pass


@given(st.sampled_from("ltdsfibacrqvxen"), st.lists(st.none() | st.integers() | st.text(max_size=9), max_size=4))
def test_a_known_tag_over_anything(tag, rest):
    try:
        decode([tag, *rest], unknown)
    except Garbage:
        pass


@pytest.mark.parametrize(
    "text", ["{", '{"a": 1}', "[" * 10**6, '["x", "os", "ls"]', '["n", "eval"]', '["n", "__import__"]']
)
def test_bad_messages_are_garbage(text):
    with pytest.raises(Garbage):
        decode(load(text.encode()), unknown)


@pytest.mark.parametrize("value", [object(), print, ..., type("C", (), {})(), iter([])])
def test_what_is_not_plain_is_refused(value):
    with pytest.raises(NotPlain):
        encode([value], refuse)


def test_sizes_are_bounded():
    cycle: list = []
    cycle.append(cycle)
    deep: list = []
    for _ in range(MAX_DEPTH + 1):
        deep = [deep]
    wide = [0]
    for _ in range(30):
        wide = [wide, wide]
    for value in (cycle, deep, wide, [0] * 1_000_001):
        with pytest.raises(NotPlain):
            encode(value, refuse)
    with pytest.raises(NotPlain):
        dump("a" * (17 << 20))


def test_subclasses_are_what_is_plain_in_them():
    class Loud(int):
        def __eq__(self, other: object) -> bool:
            return True

    point = collections.namedtuple("point", "x y")
    assert type(decode(encode(Loud(3), refuse), unknown)) is int
    assert decode(encode(point(1, 2), refuse), unknown) == (1, 2)
    assert decode(encode(collections.defaultdict(int, a=1), refuse), unknown) == {"a": 1}
    assert decode(encode(collections.Counter("aab"), refuse), unknown)["z"] == 0


@given(st.recursive(st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.integers(), inner)), VALUES)
def test_renewing_makes_equal_in_place(old, new):
    if type(old) is type(new) and isinstance(old, list | dict):
        renew(old, new)
        assert old == new


def test_other_references_see_what_changed():
    row = [1]
    table = [row, row]
    renew(table, [[1, 2], [1, 2]])
    assert row == [1, 2] and table[0] is row


def test_standard_types_are_exact():
    for value in (fractions.Fraction(1, 3), decimal.Decimal("1.50"), datetime.date(2020, 1, 2), {1: 2}.keys()):
        again = decode(json.loads(dump(encode(value, refuse))), unknown)
        assert again == value and type(again) is type(value)
