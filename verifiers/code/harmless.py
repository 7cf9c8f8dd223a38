"""Tests that cannot change the process they run in, so that it can run the next task's tests: known from their text."""

import ast
import sys
from collections.abc import Iterable

MODULES = {"collections", "copy", "datetime", "fractions", "functools", "heapq", "itertools", "math", "operator"}
MODULES |= {"random", "re", "string", "typing"}
"""Modules without state that a call could change (random's is set anew for each task)."""

_BUILTINS = {"breakpoint", "compile", "delattr", "eval", "exec", "getattr", "globals", "input", "locals", "open"}
_BUILTINS |= {"setattr", "super", "vars"}


def harmless(sources: Iterable[str]) -> bool:
    """Whether tests assign to no attribute, use no name with an underscore before it, and no module but the above.

    `sources` have been compiled before. Most tests of HumanEval and MBPP are so; any other gets a process to itself.
    """
    return all(_allowed(node) for source in sources for node in ast.walk(ast.parse(source)))


def _allowed(node: ast.AST) -> bool:
    match node:
        case ast.Attribute():
            return isinstance(node.ctx, ast.Load) and node.attr[:1] != "_" and node.attr != "register"
        case ast.Name():
            strange = node.id in sys.stdlib_module_names and node.id not in MODULES
            return not (strange or node.id[:2] == "__" or node.id in _BUILTINS)
        case ast.Import():
            return all(alias.name in MODULES for alias in node.names)
        case ast.ImportFrom():
            return node.module in MODULES and all(alias.name[:1] != "_" for alias in node.names)
    return True
