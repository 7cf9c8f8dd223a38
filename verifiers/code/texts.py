"""Tests before they run: compiled, with the names that they use, and whether they could change their process."""

import ast
import dis
import functools
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass, field

MODULES = {"collections", "copy", "datetime", "fractions", "functools", "heapq", "itertools", "math", "operator"}
MODULES |= {"random", "re", "string", "typing"}
"""Modules without state that a call could change (random's is set anew for each task)."""

CASE = "__case__"
"""Name of what counts an assertion of check(): called with its text, it gives a context manager."""

_BUILTINS = {"breakpoint", "compile", "delattr", "eval", "exec", "getattr", "globals", "input", "locals", "open"}
_BUILTINS |= {"setattr", "super", "vars"}
_STRANGE = sys.stdlib_module_names - MODULES
_SHOWN = 200

_KEPT = (ast.Try, ast.TryStar, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_EXTENDED = dis.opmap["EXTENDED_ARG"]
_READS = {dis.opmap["LOAD_NAME"]: 0, dis.opmap["LOAD_GLOBAL"]: 1}
"""Operations that read a name, and how many low bits of their argument are no part of its number."""

_BINDS = {dis.opmap["STORE_NAME"], dis.opmap["STORE_GLOBAL"]}


class Unrunnable(Exception):
    """The tests cannot run, whatever the program is."""


@dataclass(slots=True)
class Text:
    """A text of tests. `reads` and `binds`: global names, in the text itself and in all functions within.

    `bases`: names that occur as in `math.sqrt`; `bare`: otherwise. `harmless`: it assigns to no attribute, uses no name
    with an underscore before it, and no module but the above; most tests of HumanEval and MBPP are so.
    """

    source: str
    code: types.CodeType
    reads: set[str] = field(default_factory=set)
    binds: set[str] = field(default_factory=set)
    bases: set[str] = field(default_factory=set)
    bare: set[str] = field(default_factory=set)
    harmless: bool = True


@functools.lru_cache(maxsize=64)  # the samples of a task come one after the other
def read(source: str, name: str, counted: bool = False) -> Text:
    """Compiles a text, `name` being what to call it. `counted`: each assertion of its check() is to be counted apart.

    Raises Unrunnable where it is not Python.
    """
    try:
        tree = ast.parse(source)
        parts = list(_walk(tree))
        if counted:
            _count(tree, source)
        text = Text(source, compile(tree, f"<{name}>", "exec", dont_inherit=True))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Unrunnable(f"{name} is not Python: {error}") from None
    for node, parent in parts:
        if isinstance(node, ast.Name):
            (text.bases if isinstance(parent, ast.Attribute) else text.bare).add(node.id)
        text.harmless = text.harmless and _allowed(node)
    for code in _codes(text.code):
        _collect(code, text)
    return text


def _walk(tree: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Gives all nodes below the first, each with the one above it."""
    todo = [tree]
    while todo:
        node = todo.pop()
        for name in node._fields:
            value = getattr(node, name, None)
            below = value if isinstance(value, list) else (value,)
            for child in below:
                if isinstance(child, ast.AST) and not isinstance(child, ast.expr_context):
                    yield child, node
                    todo.append(child)


def _allowed(node: ast.AST) -> bool:
    match node:
        case ast.Attribute():
            return isinstance(node.ctx, ast.Load) and node.attr[:1] != "_" and node.attr != "register"
        case ast.Name():
            return not (node.id in _STRANGE or node.id[:2] == "__" or node.id in _BUILTINS)
        case ast.Import():
            return all(alias.name in MODULES for alias in node.names)
        case ast.ImportFrom():
            return node.module in MODULES and all(alias.name[:1] != "_" for alias in node.names)
    return True


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _collect(code: types.CodeType, text: Text) -> None:
    high, names, raw = 0, code.co_names, code.co_code
    for operation, argument in zip(raw[::2], raw[1::2], strict=True):
        if operation in _READS:
            text.reads.add(names[(high | argument) >> _READS[operation]])
        elif operation in _BINDS:
            text.binds.add(names[high | argument])
        high = (high | argument) << 8 if operation == _EXTENDED else 0
    text.reads.discard(CASE)


def _count(tree: ast.Module, source: str) -> None:
    lines = source.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "surrogatepass").split(b"\n")
    for part in tree.body:
        if isinstance(part, ast.FunctionDef) and part.name == "check":
            _count_block(part.body, lines)


def _count_block(block: list[ast.stmt], lines: list[bytes]) -> None:
    """Wraps the assertions of a block, and of the blocks in it. What stands in a try keeps its meaning: it is left."""
    for place, node in enumerate(block):
        if isinstance(node, ast.Assert):
            at = {n: getattr(node, n) for n in ("lineno", "col_offset", "end_lineno", "end_col_offset")}
            text = ast.Constant(_text(node, lines)[:_SHOWN], **at)
            call = ast.Call(ast.Name(CASE, ast.Load(), **at), [text], [], **at)
            block[place] = ast.With([ast.withitem(call)], [node], **at)
        elif not isinstance(node, _KEPT):
            for inner in (getattr(node, "body", []), getattr(node, "orelse", [])):
                _count_block(inner, lines)
            for case in getattr(node, "cases", []):
                _count_block(case.body, lines)


def _text(node: ast.stmt, lines: list[bytes]) -> str:
    last = node.end_lineno or node.lineno
    found = lines[node.lineno - 1 : last]
    found[-1] = found[-1][: node.end_col_offset]
    found[0] = found[0][node.col_offset :]
    return b" ".join(line.strip() for line in found).decode("utf-8", "replace")
