"""Markdown of the dataset card: tables, and values that cannot break out of them."""

import re
from collections.abc import Sequence
from typing import Any


def table(head: Sequence[str], lines: Sequence[str]) -> str:
    """Gives a table of lines that are such already."""
    if not lines:
        return "(none)"
    return "\n".join([f"| {' | '.join(head)} |", "|---" * len(head) + "|", *lines])


def line(*values: Any) -> str:
    """Gives a table's line; whole numbers get their thousands separated."""
    return f"| {' | '.join(f'{value:,}' if isinstance(value, int) else cell(value) for value in values)} |"


def cell(value: Any) -> str:
    """Gives a value as text that stays inside a table cell and is no markup: names come from data."""
    text = re.sub(r"\s+", " ", str(value)).strip()
    return re.sub(r"([\\`*\[\]|])", r"\\\1", text.replace("&", "&amp;").replace("<", "&lt;"))
