r"""Mutants and paraphrases of matrices: other cells, rows and brackets."""

import re
from collections.abc import Iterator

from verifiers.audit.probe import Case, Probe, boxed
from verifiers.audit.reading import differ, read, same
from verifiers.audit.term_probes import written_otherwise

_MATRIX = re.compile(r"\\begin\{([pb])matrix\}(.*)\\end\{\1matrix\}", re.DOTALL)

Cells = list[list[str]]


def probes(case: Case, text: str) -> Iterator[Probe]:
    r"""Gives the probes of a `pmatrix` or `bmatrix`. Raises ValueError where it is none, or a cell cannot be read."""
    import sympy

    match = _MATRIX.fullmatch(text)
    if match is None or "\\begin" in match[2]:
        raise ValueError("no matrix")
    cells = [[cell.strip() for cell in row.split("&")] for row in match[2].strip().removesuffix("\\\\").split("\\\\")]
    values = [[read(cell) for cell in row] for row in cells]
    if len({len(row) for row in cells}) > 1:
        raise ValueError("rows of different lengths")
    height, width = len(cells), len(cells[0])
    own = f"{match[1]}matrix"
    for kind, right in (
        ("as it is", text),
        ("round brackets", _matrix(cells, "pmatrix")),
        ("square brackets", _matrix(cells, "bmatrix")),
        ("without spaces", _matrix(cells, own, "&", "\\\\")),
        ("a row a line", _matrix(cells, own, " & ", " \\\\\n")),
        ("an end to the last row", _matrix([*cells[:-1], [*cells[-1][:-1], f"{cells[-1][-1]} \\\\"]], own)),
        ("sized brackets", f"\\left[ {_matrix(cells, 'matrix')} \\right]"),
        ("an array", f"\\left( \\begin{{array}}{{{'c' * width}}} {_inner(cells)} \\end{{array}} \\right)"),
    ):
        yield Probe("paraphrase", kind, case.item(boxed(right)))
    if case.spec.get("kind") == "matrix" and height > 1:
        rows = ", ".join(f"[{', '.join(row)}]" for row in cells)
        yield Probe("paraphrase", "nested brackets", case.item(boxed(f"[{rows}]")))
    for i, row in enumerate(values):
        for j, value in enumerate(row):
            for name, other in written_otherwise(value, cells[i][j], "rational"):
                if value.is_Rational and "," not in other and same(read(other), value):
                    yield Probe("paraphrase", f"cell: {name}", case.item(boxed(_matrix(_put(cells, i, j, other), own))))
            wrong = _put(cells, i, j, sympy.latex(value + 1 + abs(value)))
            if value.is_Rational:
                yield Probe("mutant", "cell changed", case.item(boxed(_matrix(wrong, own))))
    for kind, cells_, values_ in (
        ("transposed", _turned(cells), _turned(values)),
        ("rows in other order", cells[::-1], values[::-1]),
        ("columns in other order", [row[::-1] for row in cells], [row[::-1] for row in values]),
        ("row dropped", cells[:-1], values[:-1]),
        ("row twice", [*cells, cells[0]], [*values, values[0]]),
        ("column dropped", [row[:-1] for row in cells], [row[:-1] for row in values]),
    ):
        if values_ and values_[0] and _others(values, values_):
            yield Probe("mutant", kind, case.item(boxed(_matrix(cells_, own))))
    if height > 1 and width > 1:
        yield Probe("mutant", "a list of the cells", case.item(boxed(", ".join(cell for row in cells for cell in row))))
        yield Probe("mutant", "a determinant", case.item(boxed(_matrix(cells, "vmatrix"))))


def _matrix(cells: Cells, environment: str, gap: str = " & ", end: str = " \\\\ ") -> str:
    return f"\\begin{{{environment}}} {_inner(cells, gap, end)} \\end{{{environment}}}"


def _inner(cells: Cells, gap: str = " & ", end: str = " \\\\ ") -> str:
    return end.join(gap.join(row) for row in cells)


def _put(cells: Cells, i: int, j: int, text: str) -> Cells:
    return [[text if (a, b) == (i, j) else cell for b, cell in enumerate(row)] for a, row in enumerate(cells)]


def _turned(cells: list[list]) -> list[list]:
    return [list(column) for column in zip(*cells, strict=True)]


def _others(a: list[list], b: list[list]) -> bool:
    """Tells whether two matrices are proven different."""
    if (len(a), len(a[0])) != (len(b), len(b[0])):
        return True
    return any(differ(x, y) for row, other in zip(a, b, strict=True) for x, y in zip(row, other, strict=True))
