"""Mutants and paraphrases of programs, proven by running program and tests together, in one sandboxed process.

That run is naive (a program could forge it), which is why the verifier does otherwise; for changed copies of a program
that is known it is another way to the truth. Forgeries are wrong by the way they are made, whatever a run says.
"""

import ast
import random
from collections.abc import Iterator
from typing import Any

from verifiers.audit.probe import Case, Probe

MUTANTS = 4
"""Mutated programs of one case, at most."""

DEADLINE_S = 2.0

_COMPARISONS: dict[type[ast.cmpop], ast.cmpop] = {
    ast.Lt: ast.GtE(),
    ast.GtE: ast.Lt(),
    ast.Gt: ast.LtE(),
    ast.LtE: ast.Gt(),
    ast.Eq: ast.NotEq(),
    ast.NotEq: ast.Eq(),
    ast.In: ast.NotIn(),
    ast.NotIn: ast.In(),
}
_OPERATORS: dict[type[ast.operator], ast.operator] = {
    ast.Add: ast.Sub(),
    ast.Sub: ast.Add(),
    ast.Mult: ast.Add(),
    ast.Div: ast.Mult(),
    ast.FloorDiv: ast.Mult(),
    ast.Mod: ast.Add(),
}
_ALWAYS_EQUAL = """class Anything:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 1
    def __bool__(self): return True
"""


def probes(case: Case, chance: random.Random) -> Iterator[Probe]:
    """Gives the probes of one case; none where the reference is no program that passes the task's tests by itself."""
    try:
        program = case.reference
        tree = ast.parse(program)
        if not tree.body or not _passes(program, case.spec):
            return
        plain = ast.unparse(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError, KeyError, TypeError, AttributeError):
        return
    for kind, response in (
        ("a block", _block(program)),
        ("no block", program),
        ("reformatted", _block(plain)),
        ("commented", _block(f"# A comment.\n{program}\n\n# The end.")),
        ("text around the block", f"This is how it is done.\n\n{_block(program)}\n\nIt takes linear time."),
        ("a wrong block before", f"{_block('raise SystemExit(1)')}\n\nThat does nothing. Better:\n\n{_block(program)}"),
    ):
        yield Probe("paraphrase", kind, case.item(response))
    changed = _mutants(plain)
    chance.shuffle(changed)
    found = 0
    for kind, mutant in changed[: 3 * MUTANTS]:
        if found < MUTANTS and not _passes(mutant, case.spec):
            found += 1
            yield Probe("mutant", kind, case.item(_block(mutant)))
    yield Probe("mutant", "broken", case.item(_block(plain + "\nreturn (")))
    if case.spec["kind"] == "stdio":
        return
    yield Probe("mutant", "a forged success", case.item(_block("print('passed')\nimport os\nos._exit(0)")))
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    forged = "".join(f"def {name}(*args, **kwargs): return Anything()\n" for name in names)
    if forged:
        yield Probe("mutant", "equal to anything", case.item(_block(_ALWAYS_EQUAL + forged)))


def _block(program: str) -> str:
    return f"```python\n{program}\n```"


def _passes(program: str, spec: dict[str, Any]) -> bool:
    """Tells whether a program passes its tests in one process with them."""
    from verifiers import sandbox

    if spec["kind"] == "stdio":
        for case in spec["cases"]:
            outcome = sandbox.run(program, case["input"], DEADLINE_S)
            if outcome.status != "ok" or outcome.stdout.split() != case["output"].split():
                return False
        return True
    if spec["kind"] == "asserts":
        setup = spec.get("setup", "")
        parts = [setup if isinstance(setup, str) else "\n".join(setup), program, *spec["asserts"]]
    else:
        parts = [spec.get("prompt", ""), program, spec["test"], f"check({spec['entry_point']})"]
        if f"def {spec['entry_point']}" in program:
            parts = parts[1:]
    return sandbox.run("\n".join(parts), "", DEADLINE_S).status == "ok"


def _mutants(program: str) -> list[tuple[str, str]]:
    """Gives programs with one thing changed in each: a comparison, an operator, a number, a result."""
    found = []
    for at, node in enumerate(ast.walk(ast.parse(program))):
        kind = None
        if isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARISONS:
            kind = "comparison"
        elif isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            kind = "operator"
        elif isinstance(node, ast.Constant) and type(node.value) is int:
            kind = "number"
        elif isinstance(node, ast.Return) and node.value is not None:
            kind = "result"
        if kind is not None:
            tree = ast.parse(program)
            _change(list(ast.walk(tree))[at])
            found.append((kind, ast.unparse(tree)))
    return found


def _change(node: ast.AST) -> None:
    match node:
        case ast.Compare():
            node.ops[0] = _COMPARISONS[type(node.ops[0])]
        case ast.BinOp():
            node.op = _OPERATORS[type(node.op)]
        case ast.Constant(value=int() as value):
            node.value = value + 1
        case ast.Return():
            node.value = ast.Constant(None)
