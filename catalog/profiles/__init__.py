"""The shapes of export: per profile its columns, what it counts, and the function that chooses from a task's traces."""

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from catalog.ids import digest
from catalog.profiles import distill, preference, rl
from catalog.profiles.attempts import TaskAttempts
from catalog.profiles.columns import Selection

SPLITS = ("train", "test")


@dataclass(frozen=True, slots=True)
class ProfileShape:
    """One shape of export."""

    purpose: str
    """What it is for, for a reader of the dataset card."""
    unit: str
    """What it counts: trace or task."""
    schema: pa.Schema
    """Columns, each with its description."""
    choose: Callable[[TaskAttempts, int | None], Selection]


PROFILES: dict[str, ProfileShape] = {
    "distill": ProfileShape(
        "verified-right traces as chat messages, to fine-tune a student", "trace", distill.SCHEMA, distill.distill
    ),
    "self_distill": ProfileShape(
        "verified-right traces under strict gates, for a model that learns from its own",
        "trace",
        distill.SCHEMA,
        distill.self_distill,
    ),
    "preference": ProfileShape(
        "a verified-right and a verified-wrong trace of one task, for preference training",
        "trace",
        preference.SCHEMA,
        preference.preference,
    ),
    "rl": ProfileShape(
        "tasks with what it takes to reward an answer, and the measured pass rate", "task", rl.SCHEMA, rl.rl
    ),
}


def split_of(task_id: str, test_fraction: float) -> str:
    """Gives the split that all rows of a task are in: a hash of its id against the share of test tasks.

    It depends on nothing else, so that a task is on the same side in every dataset with the same share.
    """
    share = int(digest("split", task_id)[:16], 16) / 2**64
    return "test" if share < test_fraction else "train"
