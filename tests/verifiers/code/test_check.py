"""check(candidate): each assertion counts, and what the test itself does wrong is not the program's fault."""

import pytest

from verifiers.code import verify

RIGHT = "```python\ndef f(x): return x\n```"


def judged(test: str, response: str = RIGHT, **more):
    return verify(response, "", {"kind": "check", "test": test, "entry_point": "f", **more})


def test_assertions_are_counted_apart():
    test = """def check(candidate):
    assert candidate(1) == 1
    for i in range(3):
        assert candidate(i) < 2
    assert candidate(5) == 5"""
    judgement = judged(test)
    assert judgement.verdict == "wrong"
    assert judgement.detail == "4 of 5 tests pass; first failure: test 4: assert candidate(i) < 2"


def test_thousands_of_failures_are_reported_in_pieces():
    assertion = f"assert y == 2, '{'é' * 190}'"
    test = f"def check(candidate):\n    y = candidate(1)\n    for i in range(5000):\n        {assertion}"
    judgement = judged(test)
    assert judgement.verdict == "wrong"
    assert judgement.detail.startswith("0 of 5000 tests pass; first failure: test 1: assert y == 2")


def test_an_exception_outside_of_assertions_ends_the_check():
    test = "def check(candidate):\n    assert candidate(1) == 1\n    y = 1 / candidate(0)\n    assert candidate(2) == 2"
    judgement = judged(test)
    assert (judgement.verdict, "ZeroDivisionError" in judgement.detail) == ("wrong", True)


def test_assertions_within_try_keep_their_meaning():
    test = """def check(candidate):
    try:
        assert candidate(1) == 2
    except AssertionError:
        pass
    assert candidate(1) == 1"""
    assert judged(test).verdict == "correct"


def test_the_program_cannot_end_the_check_early():
    test = "def check(candidate):\n    assert candidate(1) == 1\n    assert candidate(2) == 2"
    assert judged(test, "```python\nimport os\ndef f(x): return x if x == 1 else os._exit(0)\n```").verdict == "wrong"


@pytest.mark.parametrize(
    ("test", "reason"),
    [
        ("def check(candidate):\n    assert candidate(1) = 1", "not Python"),
        ("x = 1", "no function check"),
        ("1 / 0", "ZeroDivisionError"),
        ("def check(candidate):\n    assert 1", "asks the program nothing"),
    ],
)
def test_a_test_that_cannot_run_is_a_bad_reference(test, reason):
    judgement = judged(test)
    assert judgement.verdict == "bad_reference" and reason in judgement.detail


def test_a_missing_entry_point_is_wrong():
    judgement = judged("def check(candidate):\n    assert candidate(1) == 1", "```python\ndef g(x): return x\n```")
    assert judgement.verdict == "wrong" and "does not define 'f' (it defines g)" in judgement.detail


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"kind": "unittest"},
        {"kind": "asserts"},
        {"kind": "asserts", "asserts": []},
        {"kind": "asserts", "asserts": [1]},
        {"kind": "asserts", "asserts": ["assert f(1)"], "seconds": 0},
        {"kind": "asserts", "asserts": ["assert f(1)"], "seconds": "soon"},
        {"kind": "asserts", "asserts": ["assert f(1)"], "memory_mb": 10**9},
        {"kind": "asserts", "asserts": ["assert f(1)"], "setup": 5},
        {"kind": "check", "test": "def check(c): pass"},
        {"kind": "check", "entry_point": "f"},
        {"kind": "check", "test": "", "entry_point": "f g"},
        {"kind": "stdio"},
        {"kind": "stdio", "cases": []},
        {"kind": "stdio", "cases": [{"input": "1"}]},
        {"kind": "stdio", "cases": [{"input": 1, "output": 2}], "tolerance": -1},
    ],
)
def test_an_unusable_spec_is_a_bad_reference_with_a_sentence(spec):
    judgement = verify(RIGHT, "", spec)
    assert judgement.verdict == "bad_reference" and judgement.detail.startswith(("the spec", "case"))
