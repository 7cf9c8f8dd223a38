"""References by vote: how a task says that its reference is the answer that most of its traces agree on."""

import json
from typing import Any

from catalog.ids import canonical_json, task_id

CONSENSUS = "consensus"
"""Key in the spec of a task whose reference is got by vote: what the vote asks for, and what it came to."""


def spec_before_vote(identity: str, domain: str, prompt: str, verifier: str, spec: str) -> dict[str, Any] | None:
    """Gives the spec that a task had before any vote; None for a task that came with its reference.

    The word alone proves nothing, for a spec may be anybody's: the task's id does, which was made before the vote.
    """
    if f'"{CONSENSUS}"' not in spec:
        return None
    fields: dict[str, Any] = json.loads(spec)
    asks = fields.get(CONSENSUS)
    if not isinstance(asks, dict) or "min_share" not in asks:
        return None
    before = fields | {CONSENSUS: {"min_share": asks["min_share"]}}
    return before if task_id(domain, prompt, "", verifier, canonical_json(before)) == identity else None
