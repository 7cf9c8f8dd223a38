"""Mutants and paraphrases of intervals and their unions, proven by sympy's sets of the values that were meant."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from verifiers.audit.probe import Case, Probe, boxed
from verifiers.audit.reading import read, same
from verifiers.audit.term_probes import written_otherwise

_PIECE = re.compile(r"(?:\\left)?\s*([(\[])([^,]+),([^,]+?)(?:\\right)?\s*([)\]])")
_INFINITE = {"\\infty": 1, "+\\infty": 1, "-\\infty": -1}


@dataclass(frozen=True, slots=True)
class _Piece:
    left: str
    low: str
    high: str
    right: str

    def __str__(self) -> str:
        return f"{self.left}{self.low}, {self.high}{self.right}"

    @property
    def set(self) -> Any:
        import sympy

        return sympy.Interval(_end(self.low), _end(self.high), self.left == "(", self.right == ")")

    def inequality(self, less: str, at_most: str) -> str:
        """Gives the piece as an inequality for x; an end without end is left out."""
        low = "" if self.low in _INFINITE else f"{self.low} {less if self.left == '(' else at_most} "
        high = "" if self.high in _INFINITE else f" {less if self.right == ')' else at_most} {self.high}"
        return f"{low}x{high}" if low else f"x{high}"

    def falling(self) -> str:
        """Gives the piece as an inequality for x whose larger end stands first."""
        high = "" if self.high in _INFINITE else f"{self.high} {'>' if self.right == ')' else chr(92) + 'geq'} "
        low = "" if self.low in _INFINITE else f" {'>' if self.left == '(' else chr(92) + 'geq'} {self.low}"
        return f"{high}x{low}"


def shows_intervals(text: str) -> bool:
    """Tells whether a text can be nothing but intervals: a union, an end without end, brackets of two kinds."""
    pieces = [_PIECE.fullmatch(part.strip()) for part in text.split("\\cup")]
    if not all(pieces):
        return False
    sure = any(m is not None and ((m[1] == "(") != (m[4] == ")") or "\\infty" in m[2] + m[3]) for m in pieces)
    return sure or len(pieces) > 1


def probes(case: Case, text: str) -> Iterator[Probe]:
    """Gives the probes of intervals. Raises ValueError where they cannot be read, or overlap or touch."""
    import sympy

    pieces = [_read(part.strip()) for part in text.split("\\cup")]
    whole = _union(pieces)
    if len(pieces) > 1 and (not isinstance(whole, sympy.Union) or len(whole.args) != len(pieces)):
        raise ValueError("pieces that are one")

    yield Probe("paraphrase", "as it is", case.item(boxed(text)))
    for kind, right, of in _rightly(pieces):
        if _union(of) == whole:
            yield Probe("paraphrase", kind, case.item(boxed(right)))
    for kind, wrong, of in _wrongly(pieces):
        if _union(of) != whole:
            yield Probe("mutant", kind, case.item(boxed(wrong)))
    if len(pieces) > 1:
        yield Probe("mutant", "intersection", case.item(boxed(" \\cap ".join(map(str, pieces)))))
    ends = [end for piece in pieces for end in (piece.low, piece.high) if end not in _INFINITE]
    for end in ends[:1]:
        yield Probe("mutant", "an end alone", case.item(boxed(end)))


Way = tuple[str, str, Sequence[_Piece]]
"""What was done, how it is written, and the pieces that this means."""


def _rightly(pieces: list[_Piece]) -> Iterator[Way]:
    yield "without spaces", _text(pieces).replace(", ", ","), pieces
    sized = [f"\\left{p.left}{p.low}, {p.high}\\right{p.right}" for p in pieces]
    yield "sized brackets", " \\cup ".join(sized), pieces
    yield "named", f"x \\in {_text(pieces)}", pieces
    if any(piece.low not in _INFINITE or piece.high not in _INFINITE for piece in pieces):
        for kind, less, at_most in (("inequalities", "<", "\\leq"), ("plain inequalities", "<", "<=")):
            yield kind, " \\text{ or } ".join(p.inequality(less, at_most) for p in pieces), pieces
        yield "falling inequalities", " \\text{ or } ".join(p.falling() for p in pieces), pieces
    if len(pieces) > 1:
        yield "pieces in other order", _text(pieces[::-1]), pieces[::-1]
    for i, piece in enumerate(pieces):
        rest = pieces[:i], pieces[i + 1 :]
        if (middle := _middle(piece)) is not None:
            halves = [replace(piece, high=middle, right=")"), replace(piece, low=middle, left="[")]
            yield "in two pieces", _text([*rest[0], *halves, *rest[1]]), [*rest[0], *halves, *rest[1]]
        for name in ("low", "high"):
            end = getattr(piece, name)
            if end in _INFINITE or not read(end).is_Rational:
                continue
            for kind, other in written_otherwise(read(end), end, "rational"):
                if "," not in other and same(read(other), read(end)):
                    changed = [*rest[0], replace(piece, **{name: other}), *rest[1]]
                    yield f"end: {kind}", _text(changed), changed


def _wrongly(pieces: list[_Piece]) -> Iterator[Way]:
    import sympy

    flips = {"(": "[", "[": "(", ")": "]", "]": ")"}
    for i, piece in enumerate(pieces):
        others: list[tuple[str, list[_Piece]]] = [("piece dropped", [])] if len(pieces) > 1 else []
        for name, bracket in (("low", "left"), ("high", "right")):
            end = getattr(piece, name)
            if end in _INFINITE:
                continue
            flipped = replace(piece, **{bracket: flips[getattr(piece, bracket)]})
            others.append(("other bracket", [flipped]))
            further = _end(end) + (1 if name == "high" else -1) * (1 + abs(_end(end)))
            others.append(("another end", [replace(piece, **{name: sympy.latex(further)})]))
            endless = {"low": ("-\\infty", "("), "high": ("\\infty", ")")}[name]
            others.append(("without an end", [replace(piece, **{name: endless[0], bracket: endless[1]})]))
        if (middle := _middle(piece)) is not None:
            others.append(("a hole", [replace(piece, high=middle, right=")"), replace(piece, low=middle, left="(")]))
            others.append(("ends swapped", [replace(piece, low=piece.high, high=piece.low)]))
            if "-\\infty" not in piece.low:
                others.append(("half of it", [replace(piece, high=middle)]))
        for kind, instead in others:
            changed = [*pieces[:i], *instead, *pieces[i + 1 :]]
            yield kind, _text(changed), changed
            if kind == "other bracket":
                yield (
                    f"{kind}, as inequalities",
                    " \\text{ or } ".join(p.inequality("<", "\\leq") for p in changed),
                    changed,
                )


def _read(part: str) -> _Piece:
    match = _PIECE.fullmatch(part)
    if match is None:
        raise ValueError("no interval")
    piece = _Piece(match[1], match[2].strip(), match[3].strip(), match[4])
    if not bool(_end(piece.low) < _end(piece.high)):
        raise ValueError("ends that do not rise")
    return piece


def _end(text: str) -> Any:
    """Gives an end's value; raises ValueError for what is no real number."""
    import sympy

    if text in _INFINITE:
        return _INFINITE[text] * sympy.oo
    value = read(text)
    if value.is_real is not True or value.free_symbols:
        raise ValueError("no real number")
    return value


def _middle(piece: _Piece) -> str | None:
    """Gives a number inside a piece with two rational ends."""
    import sympy

    low, high = _end(piece.low), _end(piece.high)
    return sympy.latex((low + high) / 2) if low.is_Rational and high.is_Rational else None


def _text(pieces: Sequence[_Piece]) -> str:
    return " \\cup ".join(map(str, pieces))


def _union(pieces: Sequence[_Piece]) -> Any:
    import sympy

    return sympy.Union(*(piece.set for piece in pieces))
