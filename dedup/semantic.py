"""Semantic duplicates: problems that ask the same in other words, by the cosine of sentence embeddings.

An embedding cannot tell a rephrased problem from a re-parameterised one, so two conditions come before it: the numbers
of both texts agree (`same_numbers`), and their references do, where both have one. They also save nearly all of the
work: encoding is what costs, and a task is encoded only once another one passes these conditions with it.

What it does not see: a question that differs in one word of a long text (no threshold parts those), and anything past
the first `MAX_CHARACTERS`.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from catalog.models import resolve
from catalog.records import Task
from dedup.nearest import Nearest, Vectors
from dedup.numbers import canonical_reference, numbers
from dedup.settings import SemanticSettings

MAX_CHARACTERS = 8_000
"""Characters of a text that are embedded."""

_PIECE = 800  # characters; a model reads 256 tokens, and two texts that share those would be one
_BATCH = 32
_HELD = 2_000  # characters of a text that is worth holding in place of its vector


class Neighbour(NamedTuple):
    """The most similar kept task: its id and excerpt, the cosine, and the numbers that both share (None: not asked)."""

    task_id: str
    excerpt: str
    cosine: float
    numbers: tuple[str, ...] | None


class _Candidate(NamedTuple):
    task_id: str
    text: str
    gate: tuple[str, ...] | None
    reference: str


class _Gate:
    """The tasks of one multiset of numbers: those whose vectors are known, and those not needed so far."""

    def __init__(self) -> None:
        self.references: set[str] = set()
        self.waiting: dict[str, _Candidate] = {}
        self.kept: list[tuple[str, str, str]] = []  # id, excerpt and reference of each vector
        self.vectors: Nearest | None = None

    def meets(self, reference: str) -> bool:
        return bool(self.references) and (not reference or reference in self.references or "" in self.references)

    def wake(self, reference: str) -> list[_Candidate]:
        """Takes out the waiting tasks with which a task of this reference could be one."""
        names = [name for name in self.waiting if _agree(name, reference)] if not reference else [reference, ""]
        return [self.waiting.pop(name) for name in names if name in self.waiting]


class Semantic:
    """Finds, block by block, which tasks ask the same as a task that was kept before."""

    def __init__(self, settings: SemanticSettings):
        self._settings = settings
        self._gates: dict[tuple[str, ...] | None, _Gate] = {}
        self._model: Any = None

    def neighbours(self, tasks: Sequence[Task]) -> list[Neighbour | None]:
        """Gives for each task its most similar kept task at or above the threshold, or None: then it is kept itself.

        Each is compared with the tasks kept by earlier calls and with those kept before it in this one. Raises
        UserError where the model is not installed.
        """
        rows = [_candidate(task, self._settings.same_numbers) for task in tasks]
        woken: list[_Candidate] = []
        asked: dict[tuple[str, ...] | None, list[int]] = {}
        for position, row in enumerate(rows):
            gate = self._gates.setdefault(row.gate, _Gate())
            if gate.meets(row.reference):
                woken += gate.wake(row.reference)
                asked.setdefault(row.gate, []).append(position)
            elif len(row.text) > _HELD:
                woken.append(row)
            else:
                gate.waiting[row.reference] = row
            gate.references.add(row.reference)
        found: list[Neighbour | None] = [None] * len(rows)
        if not asked:
            return found
        order = [position for positions in asked.values() for position in positions]
        vectors = self._encode([row.text for row in woken] + [rows[position].text for position in order])
        for row, vector in zip(woken, vectors, strict=False):
            self._keep(row, vector)
        at = len(woken)
        for positions in asked.values():
            self._decide(rows, positions, vectors[at : at + len(positions)], found)
            at += len(positions)
        return found

    def _decide(
        self, rows: list[_Candidate], positions: list[int], vectors: Vectors, found: list[Neighbour | None]
    ) -> None:
        """Decides on the tasks of one gate in their order, and keeps those without a neighbour."""
        gate = self._gates[rows[positions[0]].gate]
        threshold = self._settings.threshold
        before = gate.vectors.within(vectors, threshold) if gate.vectors else [[] for _ in positions]
        inside = vectors @ vectors.T
        kept: list[int] = []
        for here, position in enumerate(positions):
            row = rows[position]
            best: tuple[float, str, str] | None = None
            for cosine, number in before[here]:
                task_id, excerpt, reference = gate.kept[number]
                if _agree(reference, row.reference):
                    best = (cosine, task_id, excerpt)
                    break
            for earlier in kept:
                other = rows[positions[earlier]]
                cosine = float(inside[here, earlier])
                nearer = cosine >= threshold and (best is None or cosine > best[0])
                if nearer and _agree(other.reference, row.reference):
                    best = (cosine, other.task_id, excerpt_of(other.text))
            if best is None:
                kept.append(here)
            else:
                found[position] = Neighbour(best[1], best[2], min(best[0], 1.0), row.gate)
        for here in kept:
            self._keep(rows[positions[here]], vectors[here])

    def _keep(self, row: _Candidate, vector: Vectors) -> None:
        gate = self._gates[row.gate]
        if gate.vectors is None:
            gate.vectors = Nearest(len(vector))
        gate.vectors.add(vector[None])
        gate.kept.append((row.task_id, excerpt_of(row.text), row.reference))

    def _encode(self, texts: list[str]) -> Vectors:
        """Gives unit vectors of shape (texts, dimensions); a long text's is the mean of its pieces'."""
        if self._model is None:
            from sentence_transformers import SentenceTransformer

            self._model = SentenceTransformer(resolve(self._settings.model))
        pieces: list[str] = []
        starts: list[int] = []
        for text in texts:
            starts.append(len(pieces))
            pieces += [text[at : at + _PIECE] for at in range(0, max(1, len(text)), _PIECE)]
        # encode() sorts by length before it cuts batches
        encoded = self._model.encode(pieces, batch_size=_BATCH, normalize_embeddings=True, show_progress_bar=False)
        summed = np.add.reduceat(np.asarray(encoded, np.float32), starts, axis=0)
        return np.ascontiguousarray(summed / np.linalg.norm(summed, axis=1, keepdims=True))


def excerpt_of(text: str) -> str:
    """Gives the opening of a text, as evidence."""
    return text if len(text) <= 200 else text[:199] + "…"


def _candidate(task: Task, same_numbers: bool) -> _Candidate:
    gate = numbers(task.prompt) if same_numbers else None
    return _Candidate(task.task_id, task.prompt[:MAX_CHARACTERS], gate, canonical_reference(task.reference))


def _agree(one: str, other: str) -> bool:
    """Says whether two references allow two tasks to be one: they are equal, or one is not known."""
    return not one or not other or one == other
