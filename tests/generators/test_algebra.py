"""Algebra tasks: each printed problem is solved again with sympy, from its prompt alone."""

import itertools
import json
import math
import re
import subprocess
import sys

import pytest
import sympy
from latex2sympy2_extended import latex2sympy
from math_verify import parse, verify

from catalog.errors import UserError
from catalog.ids import task_id
from generators.algebra import generate
from generators.settings import ALGEBRA_KINDS, AlgebraSettings

LEVELS = (1, 2, 3, 4, 5)


def section(count, kinds=ALGEBRA_KINDS, levels=LEVELS):
    return AlgebraSettings(generator="algebra", count=count, kinds=kinds, levels=levels)


def formulas(statement):
    return re.findall(r"\$([^$]+)\$", statement)


def read(latex):
    """A sympy value; latex2sympy leaves products unevaluated, which linsolve and others cannot take."""
    return latex2sympy(latex).doit()


def sides(equation):
    left, right = equation.split("=")
    return sympy.expand(read(left) - read(right))


def solve_linear(statement, level):
    (equation,) = (part for part in formulas(statement) if "=" in part)
    difference = sides(equation)
    (name,) = difference.free_symbols
    (root,) = sympy.solve(difference, name)
    return root


def solve_quadratic(statement, level):
    (equation,) = (part for part in formulas(statement) if "=" in part)
    difference = sides(equation)
    (name,) = difference.free_symbols
    roots = sympy.solve(difference, name)
    assert len(roots) == 2 and all(root.is_real for root in roots)
    return roots


def solve_system(statement, level):
    cases = re.search(r"\\begin\{cases\}(.*)\\end\{cases\}", statement)[1]
    equations = [sides(line) for line in cases.split(r"\\")]
    names = sorted(set().union(*(e.free_symbols for e in equations)), key=str)  # all lists of names are alphabetical
    assert len(names) == len(equations) == (2 if level <= 3 else 3)
    (solution,) = sympy.linsolve(equations, names)
    return solution


def solve_modular(statement, level):
    if r"\equiv" in statement and "x" in statement:
        rows = re.findall(r"(\d*)x \\equiv (\d+) \\pmod\{(\d+)\}", statement)
        assert len(rows) == max(1, level - 2)
        moduli = [int(m) for _, _, m in rows]
        rests = [int(b) * sympy.mod_inverse(int(a or 1), int(m)) % int(m) for a, b, m in rows]
        answer, product = sympy.ntheory.modular.crt(moduli, rests)
        assert product == math.prod(moduli)
        return sympy.Integer(answer)
    term = re.search(r"\d+(?: \\cdot |\^)[^$ ]+(?: \+ \d+)?", statement)[0]
    modulus = re.search(r"(?:divided by \$|modulo \$|r < )(\d+)", statement)[1]
    return sympy.Mod(read(term), int(modulus))


def solve_derivative(statement, level):
    name, body = re.search(r"\$[fgh]\((\w)\) = ([^$]+)\$", statement).groups()
    assert ("second" in statement or "''" in statement) == (level == 5)
    return sympy.diff(read(body), sympy.Symbol(name), 2 if level == 5 else 1)


def solve_sum(statement, level):
    name, low, high, body = re.search(r"\\sum_\{(\w)=(\d+)\}\^\{(\d+)\} (.*)\$", statement).groups()
    term = read(body)
    return sum(term.subs(sympy.Symbol(name), at) for at in range(int(low), int(high) + 1))


def solve_counting(statement, level):
    numbers = [int(number) for number in re.findall(r"(?<![_\d])\d+", statement)]
    if level == 1:
        a, b, i, j = numbers
        return sympy.binomial(a, i) * sympy.binomial(b, j)
    if level == 2:
        return sympy.factorial(sum(numbers)) / sympy.prod(sympy.factorial(count) for count in numbers)
    if level == 4:
        limit, *divisors = numbers if "1 to" not in statement else numbers[1:]
        return sympy.Integer(sum(any(n % d == 0 for d in divisors) for n in range(1, limit + 1)))
    total = int(re.search(r"= (\d+)\$", statement)[1])
    lows = re.findall(r"x_\d \\ge (\d+)", statement) or re.findall(r"\$(\d+) \\le x_\d", statement)
    highs = re.findall(r"\\le x_\d \\le (\d+)", statement) or [total] * len(lows)
    z = sympy.Symbol("z")
    powers = [
        sympy.Poly(sum(z**at for at in range(int(lo), int(hi) + 1)), z) for lo, hi in zip(lows, highs, strict=True)
    ]
    return sympy.prod(powers[1:], powers[0]).coeff_monomial(z**total)


SOLVE = {
    "linear": solve_linear,
    "quadratic": solve_quadratic,
    "system": solve_system,
    "modular": solve_modular,
    "derivative": solve_derivative,
    "sum": solve_sum,
    "counting": solve_counting,
}


def zero(difference):
    return sympy.expand(sympy.fraction(sympy.together(difference))[0]) == 0


def equal(kind, answer, reference):
    """Exact equality of what sympy found and a reference in LaTeX, each kind in its own way."""
    if kind in ("set", "tuple"):
        values = [read(part) for part in re.sub(r"\\(left|right)\\?[(){}]", "", reference).split(",")]
        found = list(answer) if kind == "tuple" else sorted(answer)
        values = values if kind == "tuple" else sorted(values)
        return len(values) == len(found) and all(zero(a - b) for a, b in zip(found, values, strict=True))
    return zero(read(reference) - answer)


@pytest.mark.parametrize("kind", ALGEBRA_KINDS)
@pytest.mark.parametrize("level", LEVELS)
def test_every_reference_is_what_sympy_finds_from_the_prompt(kind, level):
    for task in generate(section(6, (kind,), (level,)), 20261124, 0):
        statement, form = task.prompt.rsplit("\n\n", 1)
        declared = json.loads(task.spec)["kind"]
        answer = SOLVE[kind](statement, level)
        parsed = parse(f"${task.reference}$")
        assert parsed, task.reference
        assert equal(declared, answer, task.reference), (task.prompt, task.reference, answer)
        assert verify(parsed, parse(rf"so it is \boxed{{{task.reference}}}."))
        if declared in ("integer", "rational"):
            assert sympy.Rational(answer).is_integer or declared == "rational"
        assert r"\boxed{}" in form and form.startswith("Give ")
        assert form.count("$") % 2 == statement.count("$") % 2 == 0
        assert task.difficulty == level and task.source == f"algebra/{kind}/{level}"
        assert (task.verifier, task.domain, task.license) == ("math", "math", "CC0-1.0")
        assert task.task_id == task_id("math", task.prompt, task.reference, "math", task.spec)


def test_the_guess_rate_is_one_in_all_residues_where_there_are_residues():
    for task in generate(section(200), 1, 0):
        if "/modular/" not in task.source:
            assert task.guess_rate is None
        elif task.source.endswith(("1", "2")):
            modulus = int(re.search(r"(?:divided by \$|modulo \$|r < )(\d+)", task.prompt)[1])
            assert task.guess_rate == 1 / modulus
        else:
            assert task.guess_rate == 1 / math.prod(map(int, re.findall(r"pmod\{(\d+)\}", task.prompt)))


def test_tasks_are_spread_evenly_and_none_repeats_the_numbers_of_another():
    tasks = list(generate(section(350), 1, 0))
    assert {t.source: 10 for t in tasks} == {s: sum(t.source == s for t in tasks) for s in {t.source for t in tasks}}
    assert len({t.source for t in tasks}) == 35
    assert len({t.structure for t in tasks}) == 350


def test_a_task_does_not_depend_on_the_count_but_on_recipe_seed_and_section():
    few, many = list(generate(section(40), 1, 0)), list(generate(section(200), 1, 0))
    assert many[:40] == few
    for seed, index in ((2, 0), (1, 1)):
        assert not {t.prompt for t in many} & {t.prompt for t in generate(section(200), seed, index)}


def test_the_same_numbers_in_other_words_and_names_are_the_same_structure():
    """(2, 2)-systems with tiny numbers come up again and again: the wording and the names must not count."""
    keys = {}
    for seed in range(40):
        for task in generate(section(60, ("quadratic",), (1,)), seed, 0):
            equation = re.sub(r"[xyztuw]", "x", next(p for p in formulas(task.prompt) if "=" in p))
            keys.setdefault(equation, set()).add((task.structure, task.prompt))
    repeated = [found for found in keys.values() if len({prompt for _, prompt in found}) > 1]
    assert len(repeated) > 50
    assert all(len({structure for structure, _ in found}) == 1 for found in keys.values())
    assert len({structure for found in keys.values() for structure, _ in found}) == len(keys)


def test_every_kind_has_several_wordings():
    for kind in ALGEBRA_KINDS:
        texts = {re.sub(r"\$[^$]*\$|\d+", "#", t.prompt) for t in generate(section(40, (kind,), (2,)), 1, 0)}
        assert len(texts) >= 3, kind


def test_levels_get_longer_or_larger():
    """A level's problems have more or larger numbers than the first level's, kind by kind."""
    for kind in ALGEBRA_KINDS:
        sizes = {}
        for level in (1, 5):
            tasks = list(generate(section(40, (kind,), (level,)), 1, 0))
            sizes[level] = sum(len(t.reference) + len("".join(formulas(t.prompt))) for t in tasks)
        assert sizes[5] > sizes[1], kind


def test_a_used_up_level_is_the_users_to_mend():
    with pytest.raises(UserError, match=r"algebra/counting/2 has no problem left after about \d+ different ones"):
        list(itertools.islice(generate(section(10**6, ("counting",), (2,)), 1, 0), 5000))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (section(1, levels=(6,)), "levels go from 1 to 5"),
        (section(1, levels=()), "no kinds or no levels"),
        (section(1, kinds=()), "no kinds or no levels"),
    ],
)
def test_levels_and_kinds_that_do_not_exist_are_refused(settings, words):
    with pytest.raises(UserError, match=words):
        next(generate(settings, 1, 0))


def test_generating_loads_no_computer_algebra():
    code = (
        "import sys; from generators.algebra import generate; from generators.settings import AlgebraSettings;"
        "list(generate(AlgebraSettings(generator='algebra', count=70), 1, 0)); assert 'sympy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
