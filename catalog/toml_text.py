"""A resolved recipe written back as TOML: Python reads the format and has no writer for it."""

import json
import re
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def to_toml(value: dict[str, Any]) -> str:
    """Gives a TOML text that reads back as `value` without its None values, which TOML cannot say.

    Takes what JSON takes: objects, arrays, strings, numbers, booleans. Raises TypeError for anything else.
    """
    lines: list[str] = []
    _table(value, (), lines)
    return "\n".join(lines).strip() + "\n"


def _table(table: dict[str, Any], path: tuple[str, ...], lines: list[str]) -> None:
    items = [(key, value) for key, value in table.items() if value is not None]
    nested = [(key, value) for key, value in items if isinstance(value, dict) or _is_tables(value)]
    for key, value in items:
        if not (isinstance(value, dict) or _is_tables(value)):
            lines.append(f"{_key(key)} = {_inline(value)}")
    for key, value in nested:
        name = ".".join(_key(part) for part in (*path, key))
        for entry in [value] if isinstance(value, dict) else value:
            lines.extend(["", f"[{name}]" if isinstance(value, dict) else f"[[{name}]]"])
            _table(entry, (*path, key), lines)


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(entry, dict) for entry in value)


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _string(key)


def _inline(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return _string(value)
        case list():
            return "[" + ", ".join(_inline(entry) for entry in value) + "]"
        case dict():
            pairs = (f"{_key(key)} = {_inline(entry)}" for key, entry in value.items() if entry is not None)
            return "{" + ", ".join(pairs) + "}"
    raise TypeError(f"TOML cannot hold {value!r}")


def _string(text: str) -> str:
    # JSON's strings are TOML's basic strings but for DEL, which TOML wants escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
