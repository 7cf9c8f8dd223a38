"""The structural key of a formula: equal for formulas that differ only in names, signs and order.

Renaming variables, flipping the sign of a variable everywhere, and reordering clauses or literals leave the key as it
is. The key is a hash of the formula itself under canonical names, so **equal keys always mean isomorphic formulas**
(up to a collision of 128-bit hashes). The canonical names are found by colour refinement and, where colours leave
literals alike, by trying all of them (individualisation, as in McKay and Piperno, Practical graph isomorphism II,
2014), level by level on numpy arrays. Isomorphic formulas get equal keys as long as no level has more than MAX_NODES
candidates; past that the rest are cut off, which can only give two keys to isomorphic formulas, and does so only
where the candidates that were cut differ from those that were kept: in a formula that is merely very symmetric they
do not.
"""

import numpy as np
from numpy.typing import NDArray

from catalog.ids import digest
from generators.formula import MAX_VARIABLES, Formula

MAX_NODES = 256
"""Candidates of a level. Of thousands of formulas of the published levels none needs more."""

_ROUNDS = 2
"""Rounds of refinement before the colours are looked at; more rounds cost more than the branches they save."""

# Odd multipliers of well-known 64-bit hash finishers (SplitMix64, rrmxmx); any would do, but keys depend on them.
_FACTORS = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB), np.uint64(0xD6E8FEB86659FD93)
_SHIFT = np.uint64(29)
_ONE = np.uint64(1)
_POWERS = np.left_shift(_ONE, np.arange(2 * MAX_VARIABLES, dtype=np.uint64))

Colours = NDArray[np.uint64]


def structure(formula: Formula) -> str:
    """Gives the structural key of a formula, 32 hexadecimal characters."""
    return digest("sat", formula.k, canonical(formula))


def canonical(formula: Formula) -> tuple[int, ...]:
    """Gives the clauses under canonical names: each the sum of 2**literal over its literals, in ascending order."""
    clauses = np.array(formula.clauses)
    occurs = np.zeros((2 * formula.k, len(clauses)), np.uint64)
    occurs[clauses, np.arange(len(clauses))[:, None]] = 1
    # Variables that do not occur are all alike, and would only multiply the candidates.
    used = occurs.reshape(formula.k, -1).any(axis=1).repeat(2)
    if not used.all():
        occurs, clauses = occurs[used], (used.cumsum() - 1)[clauses]

    colours = _refine(np.ones((1, len(occurs)), np.uint64), occurs)
    for _ in range(len(occurs)):
        ordered = np.sort(colours, axis=1)
        repeated = ordered[:, 1:] == ordered[:, :-1]
        if not repeated.any():
            break
        target = ordered[np.arange(len(ordered)), repeated.argmax(axis=1)]
        nodes, literals = np.nonzero(colours == target[:, None])
        nodes, literals = nodes[:MAX_NODES], literals[:MAX_NODES]
        children = colours[nodes]
        children[np.arange(len(nodes)), literals] += _ONE
        children = _refine(children, occurs)
        shape = _mix(children).sum(axis=1)
        colours = children[shape == shape.min()]
    return _smallest(colours, clauses)


def _refine(colours: Colours, occurs: Colours) -> Colours:
    """Gives each literal a colour made of its own, its negation's and those of the clauses it occurs in.

    Sums are taken modulo 2**64, so that they do not depend on the order of clauses and literals.
    """
    other = np.arange(colours.shape[1]) ^ 1
    for _ in range(_ROUNDS):
        mixed = _mix(colours)
        around = _mix(mixed @ occurs) @ occurs.T
        negations = mixed[:, other]
        colours = mixed + negations * _FACTORS[2] + around
    return colours


def _mix(values: Colours) -> Colours:
    values = values * _FACTORS[0]
    values ^= values >> _SHIFT
    values *= _FACTORS[1]
    return values


def _smallest(colours: Colours, clauses: NDArray[np.int64]) -> tuple[int, ...]:
    """Gives the smallest formula among those that the rows of colours name.

    A variable's name is its rank by the smaller colour of its two literals, and that literal counts as positive. Any
    row of colours, ties included, is a renaming, so what comes out is always isomorphic to what went in.
    """
    first, second = colours[:, 0::2], colours[:, 1::2]
    flipped = first > second
    rank = 2 * np.where(flipped, second, first).argsort(axis=1, kind="stable").argsort(axis=1)
    bits = np.empty(colours.shape, np.uint64)
    bits[:, 0::2] = _POWERS[rank + flipped]
    bits[:, 1::2] = _POWERS[rank + ~flipped]
    renamed = bits[:, clauses].sum(axis=2)
    renamed.sort(axis=1)
    return min(map(tuple, renamed.tolist()))
