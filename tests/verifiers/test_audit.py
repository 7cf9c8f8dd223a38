"""An audit finds the faults of a faulty verifier, and holds no probe that is not what it says it is."""

import itertools
import json
import operator
import random
import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiers import judge
from verifiers.audit import audit, junk, math_probes, reading, sat_probes, word_probes
from verifiers.audit.bundled import cases
from verifiers.audit.probe import Case
from verifiers.boxed import last_box
from verifiers.pool import Pool
from verifiers.verdict import Judgement


def judging(rule):
    """A verifier that answers by a rule from the text in the last box and the reference."""

    def judge_many(items):
        found = []
        for item in items:
            box = last_box(item.response)
            verdict = rule("" if box is None else box.content or "", item.reference)
            found.append(Judgement(verdict, None, "", 0.0, item.verifier, 1))
        return found

    return judge_many


def test_a_verifier_that_accepts_everything_is_told_by_name_and_example():
    report = audit(cases("math"), judging(lambda answer, reference: "correct"))
    assert (report.false_accept, report.false_reject) == (1.0, 0.0)
    told = report.exceeds(0.01, 0.05)
    assert told is not None and "false-accept rate is 100.00%" in told and "for example" in told


def test_a_verifier_that_compares_texts_rejects_what_is_written_differently():
    report = audit(cases("math"), judging(lambda a, b: "correct" if a == b else "wrong"))
    assert report.false_accept == 0.0
    assert "false-reject" in (report.exceeds(0.0, 0.05) or "")
    faulty = {line.kind for line in report.lines if line.faults}
    assert {"fraction", "decimal", "thousands separator", "other order", "unboxed"} <= faulty


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        ("sign", lambda a, b: a.replace("-", "").strip() == b.replace("-", "").strip()),
        ("another digit", lambda a, b: len(a) == len(b)),
        ("other bracket", lambda a, b: re.sub(r"\W", "", a) == re.sub(r"\W", "", b)),
        ("other order", lambda a, b: sorted(re.findall(r"-?\w+", a)) == sorted(re.findall(r"-?\w+", b))),
        ("element dropped", lambda a, b: set(re.findall(r"\d+", a)) <= set(re.findall(r"\d+", b))),
        ("right side alone", lambda a, b: a == b.rpartition("=")[2].strip()),
        ("an inequality", lambda a, b: a.replace("\\leq", "=") == b),
        (
            "transposed",
            lambda a, b: "begin" in b and sorted(re.findall(r"-?\w+", a)) == sorted(re.findall(r"-?\w+", b)),
        ),
        ("a determinant", lambda a, b: a.replace("vmatrix", "pmatrix") == b),
        ("piece dropped", lambda a, b: set(re.findall(r"\d+", a)) <= set(re.findall(r"\d+", b))),
        ("a hole", lambda a, b: a[:2] == b[:2] and a[-2:] == b[-2:]),
        ("element twice", lambda a, b: set(re.findall(r"\d+", a)) == set(re.findall(r"\d+", b))),
        ("many boxes", lambda a, b: a == "\\text{one of these}"),
        ("an empty box", lambda a, b: b.startswith(a)),
    ],
)
def test_a_fault_of_one_kind_is_counted_under_that_kind(kind, rule):
    report = audit(cases("math"), judging(lambda a, b: "correct" if rule(a, b) else "wrong"))
    assert [line.kind for line in report.lines if line.kind == kind and line.family != "paraphrase" and line.faults]


def test_verdicts_that_feed_no_label_are_no_faults_and_are_counted_apart():
    report = audit(cases("sat"), judging(lambda a, b: "timeout"))
    assert (report.false_accept, report.false_reject) == (0.0, 0.0)
    assert all(line.unjudged == line.tried for line in report.lines)


def test_the_same_seed_gives_the_same_probes_and_another_one_others():
    def seen(seed):
        items = []
        judge_all = judging(lambda a, b: "wrong")
        audit(cases("math"), lambda given: (items.extend(given), judge_all(given))[1], seed)
        return items

    assert seen(3) == seen(3)
    assert seen(3) != seen(4)


def test_the_sat_verifier_makes_no_fault():
    with Pool(workers=1) as pool:
        report = audit(cases("sat"), pool.judge_many)
    assert sum(line.tried for line in report.lines) > 50
    assert [line for line in report.lines if line.faults or line.unjudged] == []


def test_the_math_verifier_accepts_no_number_that_is_wrong_and_hardly_rejects_one_that_is_right():
    numbers = [case for case in cases("math") if not case.spec]
    with Pool(workers=1) as pool:
        report = audit(numbers, pool.judge_many)
    assert sum(line.tried for line in report.lines) > 1000
    assert report.exceeds(0.0, 0.01) is None


@given(st.fractions(max_denominator=500).filter(lambda q: abs(q) < 10**7), st.integers(0, 5))
def test_probes_of_a_number_are_what_fractions_say(value, seed):
    text = str(value.numerator) if value.denominator == 1 else f"\\frac{{{value.numerator}}}{{{value.denominator}}}"
    found = list(math_probes.probes(Case("math", "", text, {}), random.Random(seed)))
    assert {probe.family for probe in found} == {"mutant", "paraphrase"}
    for probe in found:
        box = last_box(probe.item.response)
        if box is not None and probe.kind not in ("dollars", "full stop", "named", "in text"):
            assert (_fraction(box.content) == value) == (probe.family == "paraphrase"), probe


def _fraction(text):
    text = text.strip().replace("{,}", "").replace(",", "")
    match = re.fullmatch(r"(-?)\s*\\d?frac\{(-?\d+)\}\{(-?\d+)\}", text)
    if match:
        return Fraction(int(match[1] + "1") * int(match[2]), int(match[3]))
    return Fraction(text)


@pytest.mark.parametrize("k", [3, 4, 5])
def test_probes_of_a_formula_are_what_trying_all_assignments_says(k):
    chance = random.Random(k)
    letters = "ABCDE"[:k]
    for _ in range(20):
        clauses = [[chance.choice(("", "!")) + letter for letter in chance.sample(letters, 2)] for _ in range(k + 2)]
        text = " & ".join("".join(clause) for clause in clauses)
        case = Case("sat", "", "", {"k": k, "clauses": text})
        models = {
            "".join(bits)
            for bits in itertools.product("01", repeat=k)
            if all(any((bits[ord(x[-1]) - 65] == "1") != (x[0] == "!") for x in clause) for clause in clauses)
        }
        for probe in sat_probes.probes(case, chance):
            answer = last_box(probe.item.response).content
            right = answer in models or ("UNSAT" in answer.upper() and not models)
            assert right == (probe.family == "paraphrase"), (text, probe)


def test_a_faulty_code_verifier_is_found_and_the_real_one_makes_no_fault():
    report = audit(cases("code"), judging(lambda a, b: "correct"))
    mutants = {line.kind for line in report.lines if line.family == "mutant" and line.faults}
    assert {"comparison", "operator", "result", "broken", "equal to anything", "a forged success"} <= mutants
    with Pool(workers=1) as pool:
        report = audit(cases("code"), pool.judge_many)
    assert [line for line in report.lines if line.faults or line.unjudged] == []


def test_probes_of_letters_and_words_change_or_keep_them():
    for case in (*cases("choice"), *cases("text")):
        make = word_probes.choice_probes if case.verifier == "choice" else word_probes.text_probes
        found = list(make(case, random.Random(1)))
        assert {probe.family for probe in found} == {"mutant", "paraphrase"}
        for probe in found:
            if probe.family == "paraphrase":
                assert case.reference.casefold() in probe.item.response.casefold()


def test_junk_holds_no_answer_to_its_task():
    case = Case("math", "What is 6 times 7?", "42", {})
    found = list(junk.probes(case, [case, Case("math", "", "43", {})], random.Random(0), heavy=True))
    assert max(len(probe.item.response) for probe in found) >= 1_000_000
    kinds = {probe.kind for probe in found}
    assert {
        "empty",
        "binary",
        "NUL",
        "a refusal",
        "the prompt echoed",
        "another task's answer",
        "nested boxes",
    } <= kinds
    assert all(judge.slow(probe.item).verdict != "correct" for probe in found if len(probe.item.response) < 1000)


def test_another_tasks_answer_is_no_junk_where_the_spec_may_make_it_right():
    cities = {"choices": ["Paris", "Rome"]}
    written_out = Case("choice", "", "Paris", cities)
    other_letter, letter = Case("choice", "", "A", cities), Case("choice", "", "B", cities)
    accepting, short = Case("text", "", "New York", {"accept": ["NYC"]}), Case("text", "", "nyc", {})

    def strangers(case, other):
        return [p for p in junk.probes(case, [other], random.Random(0), False) if p.kind == "another task's answer"]

    assert not strangers(written_out, other_letter) and not strangers(other_letter, written_out)
    assert not strangers(accepting, short)
    assert strangers(letter, other_letter)
    assert strangers(Case("text", "", "Nile", {"accept": ["NYC"]}), Case("text", "", "Amazon", {}))


@given(st.lists(st.lists(st.integers(-99, 99), min_size=2, max_size=2), min_size=1, max_size=3))
def test_probes_of_a_matrix_have_its_cells_in_their_places_or_not(rows):
    text = "\\begin{pmatrix} " + " \\\\ ".join(" & ".join(map(str, row)) for row in rows) + " \\end{pmatrix}"
    found = list(math_probes.probes(Case("math", "", text, {"kind": "matrix"}), random.Random(0)))
    assert {probe.family for probe in found} == {"mutant", "paraphrase"}
    for probe in found:
        content = last_box(probe.item.response).content
        assert (_cells(content) == rows) == (probe.family == "paraphrase"), probe


def _cells(text):
    """Rows of whole numbers, None for what is no matrix."""
    if match := re.fullmatch(
        r"(?:\\left[(\[] )?\\begin\{([pb]?matrix|array)\}(?:\{c+\})?(.*)\\end\{\1\}.*", text, re.DOTALL
    ):
        return [[int(cell) for cell in row.split("&")] for row in match[2].split("\\\\") if row.strip()]
    if match := re.fullmatch(r"\[(\[.*\])\]", text):
        return [[int(cell) for cell in row.split(",")] for row in re.findall(r"\[([^\]]*)\]", match[1])]
    return None


ENDS = st.lists(st.integers(-9, 9), min_size=4, max_size=4, unique=True).map(sorted)


@given(ENDS, st.text("[(", min_size=2, max_size=2), st.text("])", min_size=2, max_size=2), st.booleans())
def test_probes_of_intervals_hold_the_same_points_or_not(ends, left, right, endless):
    a, b, c, d = map(str, ends)
    last = "\\infty)" if endless else f"{d}{right[1]}"
    text = f"{left[0]}{a}, {b}{right[0]} \\cup {left[1]}{c}, {last}"
    found = list(math_probes.probes(Case("math", "", text, {"kind": "interval"}), random.Random(0)))
    assert {probe.family for probe in found} == {"mutant", "paraphrase"}
    ends = {Fraction(n) for end in ends for n in (end, 2 * end - 1, 2 * end + 1)}
    points = [end + step for end in ends for step in (-100, Fraction(-1, 9), 0, Fraction(1, 9), 100)]
    points += [(a + b) / 2 for a, b in itertools.combinations(ends, 2)]
    wanted = _inside(text, points)
    for probe in found:
        content = last_box(probe.item.response).content.removeprefix("x \\in ")
        if probe.kind not in ("intersection", "an end alone"):
            same = _inside(re.sub(r"\\left|\\right", "", content), points) == wanted
            assert same == (probe.family == "paraphrase"), probe


def _inside(text, points):
    pieces = [list(_bounds(piece)) for piece in re.split(r" ?\\cup ?| \\text\{ or \} ", text)]
    return [any(all(test(x) for test in tests) for tests in pieces) for x in points]


def _bounds(piece):
    if match := re.fullmatch(r"([(\[])(.+),\s*(.+)([)\]])", piece):
        low, high = (None if "infty" in end else _fraction(end) for end in match.group(2, 3))
        yield lambda x: low is None or x > low or (x == low and match[1] == "[")
        yield lambda x: high is None or x < high or (x == high and match[4] == "]")
        return
    signs = {"<": "lt", "<=": "le", "\\leq": "le", ">": "gt", "\\geq": "ge"}
    parts = re.split(r" ?(<=|<|>|\\leq|\\geq) ?", piece)
    for one, sign, other in zip(parts[::2], parts[1::2], parts[2::2], strict=False):
        end = _fraction(other if one == "x" else one)
        compare = getattr(operator, signs[sign])
        yield (lambda x, end=end, f=compare: f(x, end)) if one == "x" else (lambda x, end=end, f=compare: f(end, x))


@given(st.tuples(*[st.integers(-9, 9).filter(bool)] * 3))
def test_probes_of_a_line_are_on_it_or_not(numbers):
    a, b, c = numbers
    text = f"{a}x + {b}y = {c}".replace("+ -", "- ")
    found = list(math_probes.probes(Case("math", "", text, {}), random.Random(0)))
    assert {probe.family for probe in found} == {"mutant", "paraphrase"}
    for probe in found:
        sides = last_box(probe.item.response).content.strip("$").split("=")
        if len(sides) == 1:
            assert probe.family == "mutant"
            continue
        x, y, one = _coefficients(reading.read(sides[0]) - reading.read(sides[1]))
        proportional = (x, y, one) != (0, 0, 0) and (x * b, x * c, y * c) == (y * a, -one * a, -one * b)
        assert proportional == (probe.family == "paraphrase"), probe


def _coefficients(line):
    at = [line.subs(dict(zip("xy", point, strict=True))) for point in ((1, 0), (0, 1), (0, 0))]
    return at[0] - at[2], at[1] - at[2], at[2]


@given(st.lists(st.lists(st.sampled_from([1, 2, 3, -1, -2, -3]), min_size=1, max_size=2, unique=True), max_size=9))
def test_probes_of_a_mus_are_what_trying_all_assignments_says(clauses):
    clauses = [*clauses, [1, 2], [1, -2], [-1, 3], [-1, -3]]
    text = f"p cnf 3 {len(clauses)}\n" + "".join(f"{' '.join(map(str, clause))} 0\n" for clause in clauses)
    case = Case("sat", "", "", {"dimacs": text, "asks": "certificate"})
    found = list(sat_probes.probes(case, random.Random(0)))
    assert {"a MUS", "a MUS without a clause", "UNSAT without a MUS"} <= {probe.kind for probe in found}

    def satisfied(numbers):
        return any(
            all(any(bits[abs(x) - 1] == (x > 0) for x in clauses[n - 1]) for n in numbers)
            for bits in itertools.product([False, True], repeat=3)
        )

    for probe in found:
        content = last_box(probe.item.response).content
        numbers = [int(number) for number in re.findall(r"\d+", content)]
        real = re.fullmatch(r"[\d, \\{}\[\]]+", content) and all(1 <= n <= len(clauses) for n in numbers)
        mus = real and not satisfied(numbers) and all(satisfied([n for n in numbers if n != m]) for m in numbers)
        assert bool(mus) == (probe.family == "paraphrase"), probe


@pytest.mark.parametrize("text", ["080 or 081", "both were accepted", "x and y"])
def test_words_are_read_as_no_product(text):
    with pytest.raises(ValueError, match="words"):
        reading.read(text)


@pytest.mark.parametrize(
    "text", ["", "1+", "\\frac{1}", "x^{99999}", "(" * 50, "f(", "1 = 2", "\\int x", "2^{2^{2^{9}}}", "a" * 300]
)
def test_what_the_grammar_does_not_hold_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        reading.read(text)


@given(st.text(alphabet="0123x+-*/^(){}\\fracsqrtpi. ", max_size=30))
def test_the_reader_reads_or_refuses_any_text(text):
    try:
        reading.read(text)
    except (ValueError, ZeroDivisionError):
        pass


def test_the_reader_and_sympy_agree():
    import sympy

    x, y = sympy.symbols("x y")
    for text, value in {
        "2x^2 - 3xy": 2 * x**2 - 3 * x * y,
        "\\frac{x+1}{2}": (x + 1) / 2,
        "-\\sqrt{8}": -2 * sympy.sqrt(2),
        "\\sqrt[3]{27}": sympy.Integer(3),
        "1{,}234": sympy.Integer(1234),
        "-x^2": -(x**2),
        "2(x + 1)(x - 1)": 2 * x**2 - 2,
        "0.25": sympy.Rational(1, 4),
    }.items():
        assert reading.same(reading.read(text), value), text
    assert reading.differ(x + 1, x + 2)
    assert not reading.differ((x + 1) ** 2, x**2 + 2 * x + 1)


def test_a_report_is_plain_values():
    report = audit(cases("sat"), judging(lambda a, b: "wrong"))
    assert json.loads(json.dumps(report.as_dict()))["cases"] == len(cases("sat"))
