"""What an audit asks of a verifier: a response whose verdict is known beforehand, by another way than its own."""

import json
from dataclasses import dataclass
from typing import Any

from verifiers.judge import Item


@dataclass(frozen=True, slots=True)
class Case:
    """A task with a right answer, from which probes are made; `prompt` may be empty, `spec` is as in the task."""

    verifier: str
    prompt: str
    reference: str
    spec: dict[str, Any]

    def item(self, response: str) -> Item:
        """Gives this task's item for a response."""
        return Item(self.verifier, response, self.reference, json.dumps(self.spec))


@dataclass(frozen=True, slots=True)
class Probe:
    """One response: a `mutant` (proven wrong), a `paraphrase` (proven right) or `junk` (no answer to the task)."""

    family: str
    kind: str
    """What was done to the right answer."""
    item: Item


def boxed(answer: str) -> str:
    r"""Gives a response that ends in an answer."""
    return f"So the result follows. \\boxed{{{answer}}}"
