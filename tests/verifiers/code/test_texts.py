"""Tests before they run: the names that they use are those of the interpreter's own disassembly."""

import dis
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

import pytest

from verifiers.code.texts import Unrunnable, read

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
ROOT = Path(__file__).resolve().parents[3]
MANY = "\n".join(f"x{n} = y{n} + math.z{n}" for n in range(300))
"""More names than an argument of one byte can number."""


def operations(code: CodeType) -> Iterator[tuple[str, str]]:
    for instruction in dis.get_instructions(code):
        yield instruction.opname, str(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from operations(constant)


def check(source: str) -> None:
    text = read(source, "it")
    found = list(operations(compile(source, "it", "exec", dont_inherit=True)))
    assert text.reads == {name for operation, name in found if operation in ("LOAD_NAME", "LOAD_GLOBAL")}
    assert text.binds == {name for operation, name in found if operation in ("STORE_NAME", "STORE_GLOBAL")}


@pytest.mark.parametrize("path", sorted((ROOT / "verifiers").rglob("*.py")), ids=lambda path: path.name)
def test_names_are_those_of_the_disassembly(path: Path) -> None:
    check(path.read_text())


def test_names_beyond_the_first_two_hundred() -> None:
    check(MANY)
    check(f"def f():\n    global a\n    a = b\n{MANY}")
    assert {"x299", "y0"} <= read(MANY, "it").binds | read(MANY, "it").reads


def test_names_of_real_tests() -> None:
    if not DATA.is_dir():
        pytest.skip("shared/data is not beside the checkout")
    for name, part in (("humaneval", "test"), ("mbpp_sanitized", "code")):
        with gzip.open(DATA / f"{name}.jsonl.gz", "rt") as lines:
            for line in lines:
                check(json.loads(line)[part])


@pytest.mark.parametrize(
    ("source", "harmless"),
    [
        ("assert math.sqrt(4) == f(2)", True),
        ("import math\nfrom collections import Counter\nassert Counter(f(1)) == Counter()", True),
        ("import os", False),
        ("from math import _x", False),
        ("math.pi = 3", False),
        ("del math.pi", False),
        ("assert f.__globals__", False),
        ("x = lambda: sys.exit()", False),
        ("assert [open(x) for x in 'a']", False),
        ("__builtins__", False),
        ("import abc; abc.ABC.register(int)", False),
        ("assert f(1) == {'open': 'os.system'}", True),
        ("def g(x: 'os'): return x\nassert f(1, key=g) == 1", True),
        ("match f(1):\n    case [x, *y] if os: pass", False),
    ],
)
def test_a_text_is_harmless_or_not(source: str, harmless: bool) -> None:
    assert read(source, "it").harmless is harmless


def test_each_assertion_of_check_is_counted_with_its_own_text() -> None:
    source = """
METADATA = {"é": 1}
def helper():
    assert helper
def check(candidate):
    assert candidate(1) == "é", "müßig"
    for i in range(2):
        if i:
            assert candidate(
                i
            ) == i
        else: assert candidate(0)
    match candidate(3):
        case 3: assert True
    try:
        assert candidate(4)
    except ValueError:
        pass
    while candidate(5):
        assert False
"""
    seen = []

    class Case:
        def __init__(self, text: str) -> None:
            seen.append(text)

        def __enter__(self) -> None: ...

        def __exit__(self, *_: object) -> bool:
            return True

    space = {"__case__": Case}
    exec(read(source, "it", counted=True).code, space)
    answers = {0: 1, 1: "é", 3: 3, 4: 4, 5: 0}
    space["check"](answers.get)
    assert seen == [
        'assert candidate(1) == "é", "müßig"',
        "assert candidate(0)",
        "assert candidate( i ) == i",
        "assert True",
    ]
    assert read(source, "it").code.co_consts != read(source, "it", counted=True).code.co_consts


@pytest.mark.parametrize("source", ["def f(:", "x = 1\0", "(" * 500, "if 1:\nx"])
def test_what_is_no_python_is_said(source: str) -> None:
    with pytest.raises(Unrunnable, match="the setup is not Python"):
        read(source, "the setup")
