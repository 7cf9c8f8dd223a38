"""Identities and seeds: every id is a hash of what the thing is, so equal things get equal ids everywhere."""

import hashlib
import json
from typing import Any

import orjson

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
_PLAIN = frozenset((str, int, type(None)))


def canonical_json(value: Any) -> str:
    """Gives the one JSON text of a value: sorted keys, no spaces, no NaN, characters as they are.

    Raises ValueError for NaN and infinities, TypeError for what JSON cannot hold.
    """
    return _ENCODER.encode(value)


def digest(*parts: Any) -> str:
    """Gives 32 hexadecimal characters (128 bits of BLAKE2b) that identify a sequence of JSON values.

    Parts are encoded as one JSON array, so ("a", "bc") and ("ab", "c") differ.
    """
    return hashlib.blake2b(_encoded(parts), digest_size=16).hexdigest()


def _encoded(parts: tuple[Any, ...]) -> bytes:
    if all(map(_plain, parts)):  # of these, the fast encoder writes the same bytes
        try:
            return orjson.dumps(parts)
        except TypeError:  # a lone surrogate, an integer of more than 64 bits
            pass
    return canonical_json(list(parts)).encode("utf-8", "surrogatepass")


def _plain(part: Any) -> bool:
    kind = type(part)
    return kind in _PLAIN or (kind is list and all(type(inner) in _PLAIN for inner in part))


def seed_for(recipe_seed: int, stage: str, item: Any) -> int:
    """Gives the seed of one item of one stage, in [0, 2**63).

    Seeds are hashes, never `seed + i`: with the latter, datasets seeded 42 and 43 share all items but one.
    """
    return int(digest("seed", recipe_seed, stage, item)[:16], 16) >> 1


def task_id(domain: str, prompt: str, reference: str, verifier: str, spec: str) -> str:
    """Gives the id of a task, `t` and 32 hexadecimal characters: a hash of all that decides what is right."""
    return "t" + digest("task", domain, prompt, reference, verifier, spec)


def completion_key(
    task: str, stage: str, sample: int, teacher_revision: str, prompt: str, params: str, seed: int
) -> str:
    """Gives the journal key of one completion, `c` and 32 hexadecimal characters.

    `params` is the canonical JSON of the sampling parameters that shape the text *except* `max_tokens`: a finished
    answer stays valid when the limit is raised, so the limit is stored beside the completion and not in its key.
    `seed` is the recipe's.
    """
    return "c" + digest("completion", task, stage, sample, teacher_revision, prompt, params, seed)


def trace_id(origin: str, task: str, parent: str | None, completion: str, thinking: str, answer: str) -> str:
    """Gives the id of a trace, `r` and 32 hexadecimal characters."""
    return "r" + digest("trace", origin, task, parent, completion, thinking, answer)
