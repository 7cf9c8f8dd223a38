r"""What an answer must be where a task declares its kind, and when two of that kind are the same.

| kind | is | is not |
|---|---|---|
| integer, rational | the exact number, however written (`6/2`, `3.0`, `2^{10}`) | a number near it |
| decimal | a number within the spec's `tolerance` or `relative_tolerance` | |
| percentage | the same number of percent, with the sign or without | its hundredth |
| expression | an equal term, perhaps named (`y = x + 1`) | a list, another equation |
| equation | the same equation, perhaps multiplied or solved | its right side alone |
| interval | the same union, as brackets or inequalities | another end, or the same end in instead of out |
| set | the same elements in any order, listed, or in braces or square brackets | a tuple |
| tuple | the same elements in that order, listed or in any brackets but braces | a set |
| matrix | the same cells, of LaTeX or nested brackets | a tuple |
"""

import re
from dataclasses import replace

from verifiers import notation
from verifiers.numbers import Number
from verifiers.plain import Row, Term, Value, encloses, read_terms
from verifiers.written import Written

_COMMANDS = re.compile(notation.TEXT_COMMANDS + r"\s*\{[^{}]*\}|\\[A-Za-z]+")
_LETTERS = re.compile(r"[A-Za-z]")

ALL = (
    "integer",
    "rational",
    "decimal",
    "percentage",
    "expression",
    "equation",
    "interval",
    "set",
    "tuple",
    "matrix",
    "choice",
    "text",
)


def shaped(kind: str, given: Written) -> Value | str:
    """Gives the value of an answer of a kind that has values, a sentence where it is of another."""
    value = given.terms
    match kind:
        case "integer" | "rational" | "decimal" | "percentage" | "expression":
            value = _single(value)
            if isinstance(value, Row) or (isinstance(value, Term) and _is_relation(value.text)):
                return f"not one {'expression' if kind == 'expression' else 'number'}"
            if isinstance(value, Term) and kind != "expression" and _variables(value.text):
                return "not a number"
            if isinstance(value, Number) and kind == "integer" and (value.value.denominator != 1):
                return "not an integer"
            if isinstance(value, Number) and kind == "percentage":
                return replace(value, percent=True)
            if isinstance(value, Number) and kind in ("integer", "rational"):
                return Number(value.value)
            return value
        case "set":
            if isinstance(value, Row) and value.brackets in (",", "{}", "[]"):
                return Row("{}", value.items)
            return Row("{}", (value,))
        case "tuple":
            if not isinstance(value, Row):
                return Row("()", (value,))
            return Row("()", value.items) if value.brackets in ("()", "[]", ",") else "not a tuple"
        case "matrix":
            return _matrix(value)
    raise ValueError(f"{kind} has no value")


def _variables(text: str) -> bool:
    """Tells whether letters stand in a text that can only be variables: none of a command, e or i."""
    return any(name not in "ei" for name in _LETTERS.findall(_COMMANDS.sub(" ", text)))


def _single(value: Value) -> Value:
    while isinstance(value, Row) and value.brackets in (",", "{}") and len(value.items) == 1:
        value = value.items[0]
    return value


def _is_relation(text: str) -> bool:
    return any(mark in text for mark in ("=", "<", ">", "\\leq", "\\geq", "\\le ", "\\ge ", "\\neq"))


def _matrix(value: Value) -> Value | str:
    if isinstance(value, Row) and value.brackets == "m":
        return value
    if isinstance(value, Row) and value.brackets in ("()", "[]"):
        items = [_row_of_one(item) for item in value.items]
        rows = [item for item in items if isinstance(item, Row) and item.brackets in ("()", "[]")]
        if len(rows) == len(value.items):
            return Row("m", tuple(Row("r", row.items) for row in rows))
    return "not a matrix"


def _row_of_one(item: Value) -> Value:
    """Gives `[7]`, which is read as a term, as the row of one cell that it is in a matrix."""
    if not isinstance(item, Term) or not (item.text[0] == "[" and item.text[-1] == "]" and encloses(item.text[1:-1])):
        return item
    cell = read_terms(item.text[1:-1].strip())
    return item if cell is None or isinstance(cell, Row) else Row("[]", (cell,))
