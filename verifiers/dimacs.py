"""DIMACS CNF, in and out: the text form in which solvers exchange formulas.

Tolerant of what real files hold: clauses over several lines or several on one, odd spacing, comments anywhere, empty
clauses, a last clause without its 0, and the `%` after which some collections put a stray 0. Strict where tolerance
would change the formula: a literal beyond the header's variables, or another number of clauses than the header says.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

MAX_CHARS = 8_000_000
MAX_VARIABLES = 1_000_000

_HEADER = re.compile(r"p\s+cnf\s+(\d{1,12})\s+(\d{1,12})\s*", re.ASCII)
_LITERAL = re.compile(r"0|-?[1-9]\d{0,11}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cnf:
    """A formula: clauses are joined by and, their literals by or; literal v is variable v (from 1), -v its negation."""

    variables: int
    clauses: tuple[tuple[int, ...], ...]


def read(text: str) -> Cnf:
    """Gives the formula of a DIMACS text. Raises ValueError (a sentence with the line) where it holds none."""
    if len(text) > MAX_CHARS:
        raise ValueError(f"the DIMACS text has more than {MAX_CHARS} characters")
    header: tuple[int, int] | None = None
    clauses: list[tuple[int, ...]] = []
    literals: list[int] = []
    for number, line in enumerate(re.split(r"\r\n|[\r\n]", text), 1):
        line = line.strip()
        if not line or line[0] == "c":
            continue
        if line[0] == "%":
            break
        if line[0] == "p":
            match = _HEADER.fullmatch(line)
            if match is None or header is not None:
                raise ValueError(f"line {number} is no header `p cnf VARIABLES CLAUSES`, or a second one")
            header = int(match[1]), int(match[2])
            if header[0] > MAX_VARIABLES:
                raise ValueError(f"line {number} asks for more than {MAX_VARIABLES} variables")
            continue
        if header is None:
            raise ValueError(f"line {number} comes before the header `p cnf VARIABLES CLAUSES`")
        for word in line.split():
            if not _LITERAL.fullmatch(word):
                raise ValueError(f"line {number}: {word[:20]!r} is no literal")
            literal = int(word)
            if abs(literal) > header[0]:
                raise ValueError(f"line {number}: literal {literal} is beyond the {header[0]} variables of the header")
            if literal:
                literals.append(literal)
            else:
                clauses.append(tuple(literals))
                literals = []
    if header is None:
        raise ValueError("there is no header `p cnf VARIABLES CLAUSES`")
    if literals:
        clauses.append(tuple(literals))
    if len(clauses) != header[1]:
        raise ValueError(f"{len(clauses)} clauses where the header says {header[1]}")
    return Cnf(header[0], tuple(clauses))


def write(formula: Cnf, comments: Iterable[str] = ()) -> str:
    """Gives a formula as DIMACS text, one clause a line; every line of a comment becomes a comment line."""
    lines = [f"c {line}".rstrip() for comment in comments for line in comment.splitlines()]
    lines.append(f"p cnf {formula.variables} {len(formula.clauses)}")
    lines += [" ".join(map(str, (*clause, 0))) for clause in formula.clauses]
    return "\n".join(lines) + "\n"


def read_assignment(text: str, variables: int) -> frozenset[int]:
    """Gives the literals that an assignment makes true: `1 -2 3 0` or solver lines `v 1 -2 3 0`.

    Variables may be left out: they may have either value. Raises ValueError (a sentence) where a word is no literal
    of these variables, one variable has both values, or something follows the closing 0.
    """
    true: set[int] = set()
    closed = False
    for word in re.sub(r"(?m)^\s*v(?=\s|$)", " ", text).split():
        if closed or not _LITERAL.fullmatch(word):
            raise ValueError(f"{word[:20]!r} follows the closing 0" if closed else f"{word[:20]!r} is no literal")
        literal = int(word)
        if abs(literal) > variables:
            raise ValueError(f"there is no variable {abs(literal)}")
        if -literal in true and literal:
            raise ValueError(f"variable {abs(literal)} has both values")
        closed = literal == 0
        if literal:
            true.add(literal)
    return frozenset(true)
