"""The program is the last Python block of the response, or all of it; a text without code is not a wrong one."""

import pytest

from verifiers.code import verify
from verifiers.code.program import NoProgram, completed, extract


@pytest.mark.parametrize(
    ("response", "program"),
    [
        ("```python\nx = 1\n```", "x = 1\n"),
        ("First\n```py\nx = 1\n```\nbetter\n```python\nx = 2\n```\nDone.", "x = 2\n"),
        ("```\nx = 1\n```", "x = 1\n"),
        ("```python\nx = 1\n```\nprints\n```\n1\n```", "x = 1\n"),
        ("```python\nx = 1\n```\nrun it\n```bash\npython x.py\n```", "x = 1\n"),
        ("It is\n```python\nx = 1", "x = 1"),
        ("~~~python\nx = 1\n~~~", "x = 1\n"),
        ("````python\ns = '''\n```\n'''\n````", "s = '''\n```\n'''\n"),
        ("  ```Python3\n  x = 1\n  ```", "x = 1\n"),
        ("1. so\n   ```python\n   def f():\n       return 1\n   ```", "def f():\n    return 1\n"),
        ("<think>```python\nx = 1\n```</think>```python\nx = 2\n```", "x = 2\n"),
        ("def f(x):\n    return x", "def f(x):\n    return x"),
        ("print(input())", "print(input())"),
        ("    return x + 1", "    return x + 1"),
    ],
)
def test_extraction(response, program):
    assert extract(response).rstrip() == program.rstrip()


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        ("", "no code"),
        ("I cannot solve this.", "no code"),
        ("The answer is 5", "no code"),
        ("```python\n```", "no code"),
        ("```cpp\nint main() {}\n```", "'cpp'"),
        ("<think>```python\nx = 1\n```", "the thought never ends"),
        ("x = 1\n" * 300_000, "limit"),
        ("```\n" * 12_000_000, "limit"),
    ],
    ids=lambda value: value[:20],
)
def test_no_program_is_unparsable_with_a_sentence(response, reason):
    with pytest.raises(NoProgram, match=reason):
        extract(response)
    judgement = verify(response, "", {"kind": "asserts", "asserts": ["assert f(1) == 1"]})
    assert judgement.verdict == "unparsable" and reason in judgement.detail


PROMPT = 'from typing import List\n\ndef helper(x): return x + 1\n\ndef f(x: int) -> int:\n    """ Adds 2. """\n'
CHECK = {"kind": "check", "test": "def check(candidate):\n    assert candidate(1) == helper(2)", "entry_point": "f"}


@pytest.mark.parametrize(
    "response",
    [
        "    return helper(x) + 1",
        "```python\nreturn helper(x) + 1\n```",
        "```python\ndef f(x: List) -> int:\n    return helper(x) + 1\n```",
        f"```python\n{PROMPT}    return helper(x) + 1\n```",
    ],
)
def test_a_prompt_in_the_spec_goes_before_the_program(response):
    assert verify(response, "", {**CHECK, "prompt": PROMPT}).verdict == "correct"


def test_helpers_of_the_prompt_are_not_the_programs():
    forged = "```python\ndef helper(x): return 0\ndef f(x): return 0\n```"
    assert verify(forged, "", {**CHECK, "prompt": PROMPT}).verdict == "wrong"


def test_a_body_without_its_prompt_is_unparsable():
    judgement = verify("    return x + 2", "", CHECK)
    assert judgement.verdict == "unparsable" and "prompt" in judgement.detail


def test_completion_keeps_future_imports_first():
    assert completed("from __future__ import annotations\ndef f(): pass", PROMPT, "f").startswith("from __future__")
