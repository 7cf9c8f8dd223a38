"""The ledger: at every stage, rows in = rows out + rejects + rows still pending."""

from collections import Counter

from catalog.errors import ConservationError
from catalog.records import Reject, StageCount
from catalog.store import Build


def count(
    stage: str,
    shard: int,
    unit: str,
    *,
    rows_in: int,
    rows_out: int,
    rejects: int,
    pending: int = 0,
    prompt_tokens: int = 0,
    completion_tokens: int = 0,
    seconds: float,
) -> StageCount:
    """Gives the ledger's line of one stage on one shard (-1: the whole build), once its sum is checked.

    Raises ConservationError where rows appeared or vanished.
    """
    counted = StageCount(
        stage, shard, unit, rows_in, rows_out, rejects, pending, prompt_tokens, completion_tokens, seconds
    )
    _balance(counted)
    return counted


def _balance(counted: StageCount) -> None:
    accounted = counted.rows_out + counted.rejects + counted.pending
    if counted.rows_in != accounted:
        raise ConservationError(
            f"stage {counted.stage}, shard {counted.shard}: {counted.rows_in} {counted.unit} rows went in, but "
            f"{counted.rows_out} out + {counted.rejects} rejects + {counted.pending} pending = {accounted}"
        )


def check(build: Build) -> None:
    """Re-checks every written count of a build, and that the rejects on disk are as many as were counted.

    Rejects of a shard that is not finished are not compared: its counts come last. Raises ConservationError.
    """
    finished = set(build.parts("stages"))
    counted: Counter[tuple[str, str]] = Counter()
    for part in sorted(finished):
        for row in build.read("stages", part):
            _balance(row)
            counted[part, row.stage] += row.rejects
    written: Counter[tuple[str, str]] = Counter()
    for part in build.parts("rejects"):
        owner = part if part in finished else part.partition("-")[0]
        if owner in finished:
            rows: list[Reject] = build.read("rejects", part)
            written.update((owner, row.stage) for row in rows)
    for owner, stage in sorted(counted.keys() | written.keys()):
        if counted[owner, stage] != written[owner, stage]:
            raise ConservationError(
                f"{build}, stage {stage}, part {owner}: {counted[owner, stage]} rejects were counted, but "
                f"{written[owner, stage]} are on disk"
            )
