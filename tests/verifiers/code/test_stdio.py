"""Programs that read and write: every case fresh, outputs compared as contests do."""

import pytest

from verifiers.code import verify
from verifiers.code.stdio import same


def judged(program: str, cases: list[tuple[str, str]], **more):
    spec = {"kind": "stdio", "cases": [{"input": i, "output": o} for i, o in cases], **more}
    return verify(f"```python\n{program}\n```", "", spec)


def test_all_cases_pass():
    assert judged("print(int(input()) * 2)", [("1\n", "2\n"), ("4", "8")]).verdict == "correct"


def test_a_main_guard_runs_and_stdin_is_whole():
    program = """import sys
def main():
    print(sum(map(int, sys.stdin.read().split())))
if __name__ == '__main__':
    main()"""
    assert judged(program, [("1 2\n3\n", "6"), ("", "0")]).verdict == "correct"


def test_the_first_failing_case_is_told_and_the_others_are_counted():
    judgement = judged("print(2)", [("1", "2"), ("2", "4"), ("3", "2")])
    assert judgement.verdict == "wrong"
    assert judgement.detail == "2 of 3 cases pass; first failure: case 2: line 1 is '2', not '4'"


def test_nothing_is_kept_from_case_to_case():
    program = "import os\nprint(os.path.exists('seen'))\nopen('seen', 'w').close()"
    assert judged(program, [("", "False"), ("", "False")]).verdict == "correct"


@pytest.mark.parametrize(
    ("program", "verdict"),
    [
        ("while True: pass", "timeout"),
        ("x = bytearray(10**11)", "memory"),
        ("import os; os._exit(0)", "wrong"),
        ("import sys; print(1); sys.exit(3)", "wrong"),
        ("print(1", "wrong"),
        ("raise ValueError('no')", "wrong"),
        ("print('1 of 1 cases pass')", "wrong"),
        ("import ctypes; ctypes.string_at(0)", "crash"),
    ],
)
def test_how_it_ends(program, verdict):
    judgement = judged(program, [("", "1")], seconds=1)
    assert judgement.verdict == verdict, judgement.detail


def test_a_program_that_is_wrong_already_may_be_slow():
    program = "x = input()\nwhile x == '2': pass\nprint(x)"
    assert judged(program, [("1", "7"), ("2", "2")], seconds=0.5).verdict == "wrong"
    assert judged(program, [("1", "1"), ("2", "2")], seconds=0.5).verdict == "timeout"


def test_an_exit_of_zero_is_an_ordinary_end():
    assert judged("import sys\nprint(1)\nsys.exit(0)", [("", "1")]).verdict == "correct"


def test_another_language_is_unparsable():
    judgement = judged("#include <iostream>\nint main() { std::cout << 1; }", [("", "1")])
    assert (judgement.verdict, judgement.detail) == ("unparsable", "the program is not Python but looks like C or C++")


def test_outputs_compare_by_lines_without_their_ends():
    assert same("a \nb\n\n", "a\nb", None)
    assert not same("a b", "a  b", None)
    assert not same("a\n\nb", "a\nb", None)
    assert not same("1.0", "1", None)


def test_numbers_differ_only_where_the_spec_allows():
    assert same("1.0000001 yes", "1 yes", 1e-6)
    assert not same("1.1 yes", "1 yes", 1e-6)
    assert not same("1 2", "1", 1e-6)
    assert not same("nan", "1", 1e-6) and not same("inf", "1", 1)
