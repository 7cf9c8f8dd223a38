"""What is true of a build's dataset, counted from the files themselves: what the dataset card may say."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from catalog.arrow_dataset import read_batches
from catalog.origins import Rows, Transformations, transformations
from catalog.profiles import PROFILES, SPLITS
from catalog.store import Build

GUESSABLE = 0.5
"""Tasks with a higher chance of a blind guess are named in the card."""

_ROW_NUMBER = re.compile(r"#\d+$")


@dataclass(frozen=True, slots=True)
class Facts:
    """Counts over one build and its dataset."""

    rows: dict[str, dict[str, int]]
    """Dataset rows per profile and split."""
    sources: Counter[tuple[str, str, str]]
    """Dataset rows per source (without its row number), licence and profile."""
    origins: dict[str, Rows]
    """Per profile, how its rows came to be."""
    made: Transformations
    """What the build's stages made of its traces."""
    guessable: dict[str, int]
    """Per profile, dataset rows whose task has a guess rate above GUESSABLE."""
    stages: dict[tuple[str, str], dict[str, int]]
    """Per stage and unit: rows_in, rows_out, rejects, pending and tokens, over all shards."""
    rejects: Counter[tuple[str, str]]
    """Rejects per stage and reason."""
    verdicts: Counter[tuple[str, int, str]]
    """Verdicts per verifier, its version and what it said."""

    @property
    def licenses(self) -> set[str]:
        return {license for _, license, _ in self.sources}

    @property
    def total(self) -> int:
        """Dataset rows in all."""
        return sum(sum(splits.values()) for splits in self.rows.values())


def gather(build: Build, dataset: Path) -> Facts:
    """Gives the facts of a build whose dataset lies in the local folder `dataset`; holds one part at a time."""
    rows: dict[str, dict[str, int]] = {}
    sources: Counter[tuple[str, str, str]] = Counter()
    guessable: dict[str, int] = {}
    origins: dict[str, Rows] = {}
    for profile in [name for name in PROFILES if (dataset / name).is_dir()]:
        rows[profile] = dict.fromkeys(SPLITS, 0)
        guessable[profile] = 0
        origins[profile] = Rows()
        for split in SPLITS:
            for batch in read_batches(dataset / profile / split):
                rows[profile][split] += len(batch)
                origins[profile].add(batch)
                named = zip(batch["source"].to_pylist(), batch["license"].to_pylist(), strict=True)
                sources.update((family(source), license, profile) for source, license in named)
                rates = batch["guess_rate"].to_pylist()
                guessable[profile] += sum(rate is not None and rate > GUESSABLE for rate in rates)
    stages: dict[tuple[str, str], dict[str, int]] = {}
    for line in build.iter_rows("stages"):
        sums = stages.setdefault((line.stage, line.unit), Counter())
        for name in ("rows_in", "rows_out", "rejects", "pending", "prompt_tokens", "completion_tokens"):
            sums[name] += getattr(line, name)
    return Facts(
        rows=rows,
        sources=sources,
        origins=origins,
        made=transformations(build),
        guessable=guessable,
        stages=stages,
        rejects=Counter((row.stage, row.reason) for row in build.iter_rows("rejects")),
        verdicts=Counter((row.verifier, row.version, row.verdict) for row in build.iter_rows("verdicts")),
    )


def family(source: str) -> str:
    """Gives a task's source without the number of its row."""
    return _ROW_NUMBER.sub("", source) or source
