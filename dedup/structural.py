"""Structural duplicates: generated tasks that differ in wording, naming or order only.

A generator that knows what its tasks are made of gives each a structural key (a SAT formula up to renaming, an
equation up to its letters). Its texts all look alike to an embedding, so they are never compared by meaning.
"""

from catalog.records import Task
from dedup.exact import digest


def structure_key(task: Task) -> bytes | None:
    """Gives the 16 bytes that are equal for tasks of one structure, or None for a task without a structural key.

    Domain and verifier belong to it: the same formula asked for a solution and for their number are two tasks.
    """
    if task.structure is None:
        return None
    return digest("structure", task.domain, task.verifier, task.structure)
