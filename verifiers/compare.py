"""Whether two written answers are the same: plainly where their values are, else by algebra. Symmetric.

Every function here takes the kind that the task declared, or None where the answers show it themselves.
"""

from fractions import Fraction

from verifiers import intervals, kinds, notation, plain, symbolic, units
from verifiers.closeness import Closeness
from verifiers.intervals import Intervals
from verifiers.numbers import Number
from verifiers.plain import Leaf, Row, Term, Value
from verifiers.written import Written, for_algebra


def misfit(kind: str, given: Written) -> str:
    """Gives why an answer is not of a kind, an empty text where it is or may be."""
    if kind == "equation":
        return "" if "=" in given.tidied else "not an equation"
    if kind == "interval":
        return "not an interval" if isinstance(given.value, Number) else ""
    shaped = kinds.shaped(kind, given)
    return shaped if isinstance(shaped, str) else ""


def plainly(a: Written, b: Written, kind: str | None, close: Closeness) -> bool | None:
    """Tells whether two answers are the same without algebra, None where that takes algebra."""
    apart = units.differ(a.unit, b.unit) or (a.name and b.name and a.name != b.name and kind != "equation")
    if apart and a.value is not None and b.value is not None:
        return False
    if kind == "equation":
        return True if a.squeezed == b.squeezed else None
    if kind == "interval":
        return _same_spans(a.span, b.span, close)
    if kind is not None:
        x, y = kinds.shaped(kind, a), kinds.shaped(kind, b)
        assert not isinstance(x, str) and not isinstance(y, str)
        return _same_values(x, y, close, kind == "tuple")
    if a.value is not None and b.value is not None:
        return a.squeezed == b.squeezed or _same_inferred(a, b, close)
    if a.squeezed == b.squeezed:
        return True
    if "_" in a.squeezed + b.squeezed:
        ours, theirs = plain.in_base(a.squeezed), plain.in_base(b.squeezed)
        if ours or theirs:
            return ours == theirs if ours and theirs else (ours or (a.squeezed,))[0] == (theirs or (b.squeezed,))[0]
    if a.letter and b.letter:
        return a.letter == b.letter
    if a.words and b.words and (a.word or b.word):
        return a.squeezed.casefold() == b.squeezed.casefold()
    spans = (a.span, b.span)
    return _same_spans(*spans, close) if all(spans) and any(span and span.sure for span in spans) else None


def algebraically(a: Written, b: Written, kind: str | None, close: Closeness) -> bool:
    """Tells whether two answers are the same by algebra; may take long."""
    if kind == "equation":
        return symbolic.equal_equations(*(symbolic.parse(f"\\boxed{{{x.tidied}}}") for x in (a, b)))
    spans = (a.span, b.span)
    if all(spans) and (kind == "interval" or any(span and span.sure for span in spans)):
        return intervals.equal(*spans, lambda x, y: _same_ends(x, y, close, True))  # type: ignore[arg-type]

    def same(x: Leaf, y: Leaf) -> bool:
        return _same_leaves(x, y, kind, close)

    if kind is not None and kind != "interval":
        x, y = kinds.shaped(kind, a), kinds.shaped(kind, b)
        return not isinstance(x, str) and not isinstance(y, str) and plain.equal(x, y, same, kind == "tuple")
    if a.name != b.name and "=" in a.tidied and "=" in b.tidied:  # y = 2x and x = y/2; x + y = y + 2 and x = 2
        if symbolic.equal_equations(*(symbolic.parse(f"\\boxed{{{x.tidied}}}") for x in (a, b))):
            return True
        if a.name and b.name:
            return False
    x, y = a.terms, b.terms
    if (isinstance(x, Row) or isinstance(y, Row)) and plain.equal(x, y, same):
        return True
    if _comparable(x, y):
        return False
    if close.given and _same_leaves(_leaf(a), _leaf(b), kind, close):
        return True
    return symbolic.equal(_whole(a), _whole(b))


def understood(given: Written) -> bool:
    """Tells whether the algebra could read an answer as mathematics."""
    return symbolic.understood(_whole(given)) or any(
        symbolic.understood(symbolic.parse(for_algebra(leaf))) for leaf in plain.leaves(given.terms)
    )


def _same_inferred(a: Written, b: Written, close: Closeness) -> bool:
    x, y = a.value, b.value
    assert x is not None and y is not None
    if isinstance(x, Number) != isinstance(y, Number):
        x, y = plain.with_decimal_comma(a.rest) or x, plain.with_decimal_comma(b.rest) or y
    return plain.equal(x, y, close.same)


def _same_values(x: Value, y: Value, close: Closeness, ordered: bool) -> bool | None:
    if all(isinstance(leaf, Number) for leaf in plain.leaves(x) + plain.leaves(y)):
        return plain.equal(x, y, close.same, ordered)

    def same(p: Leaf, q: Leaf) -> bool:
        if isinstance(p, Term) and isinstance(q, Term):
            return notation.squeeze(p.text) == notation.squeeze(q.text)
        return close.same(p, q)

    return plain.equal(x, y, same, ordered) or None


def _same_spans(a: Intervals | None, b: Intervals | None, close: Closeness) -> bool | None:
    if a is None or b is None:
        return None
    ends = [end for span in (a, b) for piece in span.pieces for end in (piece.low, piece.high)]
    settled = all("\\infty" in end or plain.read(end) is not None for end in ends)
    return intervals.equal(a, b, lambda x, y: _same_ends(x, y, close, False)) or (False if settled else None)


def _same_ends(x: str, y: str, close: Closeness, algebra: bool) -> bool:
    a, b = (plain.read(end) or Term(end) for end in (x, y))
    if isinstance(a, Number) and isinstance(b, Number):
        return close.same(a, b)
    return algebra and not isinstance(a, Row) and not isinstance(b, Row) and _same_leaves(a, b, None, close)


def _same_leaves(x: Leaf, y: Leaf, kind: str | None, close: Closeness) -> bool:
    if isinstance(x, Number) and isinstance(y, Number):
        return close.equal(x, y)
    a, b = (symbolic.parse(for_algebra(leaf)) for leaf in (x, y))
    if close.exact:
        return symbolic.exactly_equal(a, b)
    if close.given or kind in ("decimal", "percentage"):
        values = [_value(leaf, readings) for leaf, readings in ((x, a), (y, b))]
        if values[0] is not None and values[1] is not None:
            return close.near(values[0], values[1])
    return symbolic.equal(a, b)


def _value(leaf: Leaf, readings: symbolic.Parsed) -> Fraction | None:
    return leaf.value if isinstance(leaf, Number) else symbolic.value(readings)


def _comparable(x: Value, y: Value) -> bool:
    """Tells whether two values are lists of one size, so that what their elements say is the last word."""
    if not isinstance(x, Row) or not isinstance(y, Row) or x.names or y.names:
        return False
    return len(x.items) == len(y.items) and x.brackets == y.brackets


def _leaf(given: Written) -> Leaf:
    value = given.terms
    return Term(given.rest) if isinstance(value, Row) else value


def _whole(given: Written) -> symbolic.Parsed:
    text = given.text if given.text.isascii() else given.tidied
    leaf = given.value if isinstance(given.value, Number) and not given.value.decimal else Term(text)
    return symbolic.parse(for_algebra(leaf))
