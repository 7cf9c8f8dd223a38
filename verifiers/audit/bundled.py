r"""Tasks to audit a verifier with, for a user who has none: answers of many kinds, as problem sets write them."""

from verifiers.audit.probe import Case

_MATH = (
    *("0", "1", "7", "-3", "12", "204", "1000", "52387", "-640", "2025", "1234567"),
    *("\\frac{1}{2}", "-\\frac{3}{4}", "\\frac{22}{7}", "\\frac{5}{16}", "3/8", "\\frac{101}{3}"),
    *("0.5", "2.75", "-0.125", "13.6", "25\\%", "12.5\\%"),
    *("\\sqrt{2}", "3\\sqrt{5}", "2 + \\sqrt{3}", "\\frac{\\sqrt{3}}{2}", "4\\pi", "\\frac{9\\pi}{2}", "6 - 2\\pi"),
    *("x + 1", "2x^2 - 3x + 1", "(x - 2)(x + 5)", "\\frac{x + 1}{x - 3}", "a^2 + 2ab + b^2", "3n^2", "t^3 - 8"),
    *("(1, 2)", "(3, -4, 5)", "(0, \\frac{1}{2})", "\\{1, 2, 3\\}", "\\{-1, \\frac{3}{2}\\}"),
    *("[0, 1)", "(-2, 5]", "[1, \\infty)", "(-\\infty, 3]", "(-\\infty, -\\frac{1}{2})"),
    *("(-\\infty, -2] \\cup [3, \\infty)", "[0, 1) \\cup (2, 5]", "(-3, \\sqrt{2}) \\cup (2, \\infty)"),
    *(
        "x = 5",
        "y = 2x + 3",
        "2x + 3y = 6",
        "x^2 + y^2 = 25",
        "y = -\\frac{1}{2}x",
        "3x - y + 7 = 0",
        "x^2 - 5x + 6 = 0",
    ),
    *(
        "\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}",
        "\\begin{pmatrix} 0 & -\\frac{1}{2} \\\\ 5 & 7 \\end{pmatrix}",
        "\\begin{bmatrix} 1 & 0 & 2 \\\\ -3 & 4 & 10 \\end{bmatrix}",
        "\\begin{pmatrix} 3 \\\\ -1 \\\\ 2 \\end{pmatrix}",
        "\\begin{pmatrix} a & b \\\\ 2 & a + 1 \\end{pmatrix}",
    ),
    *("\\emptyset", "\\{0, \\sqrt{2}, 5\\}"),
)
_DECLARED = (
    *(("interval", text) for text in ("(1, 2)", "[-\\frac{1}{2}, 4]", "(0, 1) \\cup (1, 2)", "[0, 10]")),
    *(("equation", text) for text in ("y = 2x + 3", "x + y = 4", "y = x^2 - 1")),
    *(("set", text) for text in ("\\{1, 2, 3\\}", "2, 5", "-1, \\frac{1}{2}, 4")),
    *(("tuple", text) for text in ("(1, 2)", "(3, -4, 5)", "1, 0, 2")),
    *(("matrix", text) for text in ("\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}",)),
    *(("integer", "42"), ("rational", "\\frac{3}{4}"), ("decimal", "2.75"), ("expression", "2x + 1")),
)
_CHOICE = ("A", "B", "C", "D", "E")
_TEXT = ("Monday", "east", "parallelogram", "Ellipse", "New York", "blue whale")
_SAT = ((3, "!AB & !B!C"), (4, "AB!C & !A!BD & BC!D & !A!CD"), (5, "AC!E & !ABD & !B!D!E & !ACE & A!BD & BCE"))
_UNSAT = "p cnf 2 4\n1 2 0\n1 -2 0\n-1 2 0\n-1 -2 0\n"
_TWO_MUSES = "p cnf 4 8\n1 2 0\n1 -2 0\n-1 3 0\n-1 -3 0\n4 2 0\n4 -2 0\n-4 0\n2 3 4 0\n"
_SATISFIABLE = "p cnf 4 4\n1 -2 0\n2 3 0\n-3 4 0\n-1 -4 0\n"


_CODE = (
    Case(
        "code",
        "",
        "def largest(numbers):\n    best = numbers[0]\n    for n in numbers[1:]:\n        if n > best:\n"
        "            best = n\n    return best\n",
        {"kind": "asserts", "asserts": ["assert largest([3, 9, 2]) == 9", "assert largest([-1, -5]) == -1"]},
    ),
    Case(
        "code",
        "",
        "def digits(n):\n    total = 0\n    for digit in str(n):\n        total += int(digit)\n    return total\n",
        {
            "kind": "check",
            "test": "def check(f):\n    assert f(0) == 0\n    assert f(907) == 16\n",
            "entry_point": "digits",
        },
    ),
    Case(
        "code",
        "",
        "a, b = map(int, input().split())\nprint(a + 2 * b)\n",
        {"kind": "stdio", "cases": [{"input": "1 2\n", "output": "5\n"}, {"input": "0 -4\n", "output": "-8\n"}]},
    ),
)


def cases(verifier: str) -> list[Case]:
    """Gives the bundled cases of a verifier; none for one that has none."""
    match verifier:
        case "math":
            plain = [Case("math", "", reference, {}) for reference in _MATH]
            declared = [Case("math", "", reference, {"kind": kind}) for kind, reference in _DECLARED]
            return plain + declared + [Case("math", "", letter, {"kind": "choice"}) for letter in _CHOICE]
        case "sat":
            formulas = [Case("sat", "", "", {"k": k, "clauses": clauses}) for k, clauses in _SAT]
            asked = [
                Case("sat", "", "", {"dimacs": text, "asks": asks})
                for asks in ("model", "decision", "certificate")
                for text in (_UNSAT, _TWO_MUSES, _SATISFIABLE)
            ]
            return [*formulas, *asked, Case("sat", "", "", {"dimacs": _UNSAT, "answer": "unsat"})]
        case "code":
            return list(_CODE)
        case "choice":
            return [Case("choice", "", letter, {}) for letter in _CHOICE]
        case "text":
            return [Case("text", "", text, {}) for text in _TEXT]
    return []
