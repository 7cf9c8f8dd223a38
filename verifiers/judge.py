"""Which verifier judges what, and what of it is cheap enough to be done in this process.

`fast` answers at once or not at all; `slow` always answers but may take long, hang or eat memory (symbolic algebra on
hostile text), so it belongs into a worker: see `verifiers.pool`.
"""

import difflib
import json
import time
from dataclasses import dataclass, replace
from functools import lru_cache
from types import ModuleType
from typing import Any

from catalog.errors import UserError
from verifiers import choice, code, math, sat, text
from verifiers.verdict import Judgement

VERIFIERS: dict[str, ModuleType] = {one.NAME: one for one in (math, sat, code, choice, text)}
"""The verifiers by the name that a task gives."""

MAX_SPEC_CHARS = 8_000_000


@dataclass(frozen=True, slots=True)
class Item:
    """One response to judge: the verifier's name, the response, the reference, and the spec as a JSON object's text."""

    verifier: str
    response: str
    reference: str
    spec: str


def check_name(name: str) -> None:
    """Raises UserError, with the nearest name, where there is no verifier of that name."""
    if name not in VERIFIERS:
        near = difflib.get_close_matches(name, VERIFIERS, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(VERIFIERS))}."
        raise UserError(f"There is no verifier {name!r}: {hint}")


def fast(item: Item) -> Judgement | None:
    """Gives the judgement where it is cheap: microseconds, linear in the response, no symbolic algebra; else None.

    Raises UserError for an unknown verifier.
    """
    check_name(item.verifier)
    verifier = VERIFIERS[item.verifier]
    try:
        spec = spec_of(item.spec)
    except ValueError as error:
        return Judgement("bad_reference", None, str(error), 0.0, verifier.NAME, verifier.VERSION)
    return verifier.fast(item.response, item.reference, spec)


def slow(item: Item) -> Judgement:
    """Gives the judgement, however long it takes; nothing that the verifier does is raised except MemoryError."""
    started = time.perf_counter()
    answer = fast(item)
    if answer is not None:
        return answer
    verifier = VERIFIERS[item.verifier]
    judgement = verifier.slow(item.response, item.reference, spec_of(item.spec))
    return replace(judgement, ms=(time.perf_counter() - started) * 1e3)


def run_program(item: Item, deadline_s: float, sandbox: str) -> Judgement:
    """Gives the judgement of a program that `fast` left open: it runs in the sandbox, not in a worker.

    Raises UserError on a machine that does not reach the level `sandbox`.
    """
    return code.slow(item.response, item.reference, spec_of(item.spec), deadline_s, sandbox)


def essence(item: Item) -> Item:
    """Gives the same item with its response cut to what `slow` looks at, so that little travels to a worker."""
    shorten = getattr(VERIFIERS[item.verifier], "essence", None)
    return item if shorten is None else replace(item, response=shorten(item.response))


@lru_cache(maxsize=1024)
def spec_of(text: str) -> dict[str, Any]:
    """Reads a spec; raises ValueError with a sentence. The answers of a task share one parsed spec."""
    if len(text) > MAX_SPEC_CHARS:
        raise ValueError(f"the spec has more than {MAX_SPEC_CHARS} characters")
    try:
        spec = json.loads(text or "{}")
    except (ValueError, RecursionError):
        raise ValueError("the spec is not JSON") from None
    if not isinstance(spec, dict):
        raise ValueError("the spec is not a JSON object")
    return spec
