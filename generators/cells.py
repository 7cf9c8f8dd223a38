"""The values of a problem set's row, within their limits: a text, a number, an object; what does not fit is `Unfit`."""

import json
import math
import re
from typing import Any

from catalog.ids import canonical_json

MAX_SPEC = 1_000_000
"""Characters of a spec."""

REASONS = (
    "invalid_utf8",
    "invalid_json",
    "not_an_object",
    "missing_value",
    "wrong_type",
    "too_long",
    "invalid_spec",
    "wrong_reference",
)
"""Why a row makes no task."""


class Unfit(Exception):
    """A row makes no task, for one of REASONS and a detail."""


def text(values: dict[str, Any], column: str, most: int) -> str:
    """Gives a text, or a number as text: whole numbers without a point, whatever type holds them."""
    value = values.get(column)
    if value is None or (isinstance(value, str) and not value.strip()):
        raise Unfit("missing_value", f"nothing in column {column!r}")
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int | float) or not _finite(value):
        raise Unfit("wrong_type", f"column {column!r} has neither text nor a number: {type(value).__name__}")
    told = str(value)
    if len(told) > most:
        raise Unfit("too_long", f"column {column!r} has {len(told)} characters, more than {most}")
    _check_unicode(told, column)
    return told


def number(value: Any) -> float | None:
    """Gives a difficulty: a number, or the only number in a text like `Level 3`; None where there is none."""
    if isinstance(value, str):
        numbers = re.findall(r"-?\d+(?:\.\d+)?", value[:1000])
        value = float(numbers[0]) if len(numbers) == 1 else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def json_object(values: dict[str, Any], column: str) -> dict[str, Any]:
    """Gives the object in a column, which may also hold it as JSON text."""
    value = values.get(column)
    if value is None:
        raise Unfit("missing_value", f"nothing in column {column!r}")
    if isinstance(value, str) and len(value) <= MAX_SPEC:
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise Unfit("invalid_spec", f"column {column!r} has a text that is not JSON") from None
    if not isinstance(value, dict):
        raise Unfit("invalid_spec", f"column {column!r} has no JSON object: {type(value).__name__}")
    try:
        told = canonical_json(value)
    except (ValueError, TypeError, RecursionError):
        raise Unfit("invalid_spec", f"column {column!r} has values that JSON cannot hold") from None
    if len(told) > MAX_SPEC:
        raise Unfit("too_long", f"column {column!r} has {len(told)} characters, more than {MAX_SPEC}")
    _check_unicode(told, column)
    return value


def _finite(number: Any) -> bool:
    return not isinstance(number, float) or math.isfinite(number)


def _check_unicode(text: str, column: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:  # JSON may escape one half of a surrogate pair
        raise Unfit("invalid_utf8", f"column {column!r} has half a surrogate pair") from None
