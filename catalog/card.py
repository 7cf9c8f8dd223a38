"""The dataset card: README.md of a published dataset, derived from its manifest and from what was counted.

Nothing in it is written by hand for one dataset: what the manifest and the counts do not say, the card does not say.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
import yaml

from catalog.facts import GUESSABLE, Facts
from catalog.licenses import license_metadata
from catalog.manifest import Manifest
from catalog.profiles import PROFILES, SPLITS

SOURCES_SHOWN = 100
"""Lines of the table of sources, at most."""

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_PIPELINE = ("tasks", "sample", "verify", "revise", "hint", "dedup", "decontaminate")


def card(manifest: Manifest, facts: Facts, place: str) -> str:
    """Gives the text of the card.

    `place` is what `datasets.load_dataset` is to be given: the repository's id, or `.` for the folder of the card.
    """
    sections = [
        f"# {_cell(manifest.name)}",
        _what(manifest, facts),
        _how(manifest, facts),
        _sources(facts),
        _columns(facts),
        _load(facts, place),
        _rebuild(manifest),
        _limits(facts),
    ]
    return _header(manifest, facts) + "\n" + "\n\n".join(sections) + "\n"


def published_splits(facts: Facts) -> dict[str, list[str]]:
    """Gives the profiles that have rows, each with the splits that have; no file is published for the others."""
    return {
        profile: [split for split in SPLITS if splits[split]]
        for profile, splits in facts.rows.items()
        if any(splits.values())
    }


def _header(manifest: Manifest, facts: Facts) -> str:
    configs: list[dict[str, Any]] = [
        {
            "config_name": profile,
            "data_files": [{"split": split, "path": f"{profile}/{split}-*.parquet"} for split in splits],
        }
        for profile, splits in published_splits(facts).items()
    ]
    if configs:
        configs[0]["default"] = True
    metadata = {
        "pretty_name": manifest.name,
        **license_metadata(facts.licenses),
        "size_categories": [next((name for limit, name in _SIZES if facts.total < limit), "n>1M")],
        "tags": ["reasoning", "synthetic", "reasonmill"],
        "configs": configs,
    }
    return f"---\n{yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True)}---\n"


def _what(manifest: Manifest, facts: Facts) -> str:
    lines = [
        f"| `{profile}` | {PROFILES[profile].purpose} | {splits['train']:,} | {splits['test']:,} |"
        for profile, splits in facts.rows.items()
    ]
    empty = [f"`{profile}`" for profile, splits in facts.rows.items() if not any(splits.values())]
    note = f"\n\nWithout rows, and so without files: {', '.join(empty)}." if empty else ""
    return (
        f"Version `{manifest.version}`, built by reasonmill {_cell(manifest.code_version)}. "
        "One configuration a purpose:\n\n"
        + _table(("configuration", "what for", "train rows", "test rows"), lines)
        + "\n\nAll rows of a task are in the same split, chosen by a hash of the task."
        + note
    )


def _how(manifest: Manifest, facts: Facts) -> str:
    teachers = [f"| {_cell(name)} | {_cell(revision)} |" for name, revision in sorted(manifest.teachers.items())]
    settings = [
        f"| {_cell(key)} | {_cell(value)} |"
        for section in ("sample", "verify", "dedup", "export")
        for key, value in _flat(section, manifest.recipe.get(section))
    ]
    stages = [
        f"| {_cell(stage)} | {_cell(unit)} | {sums['rows_in']:,} | {sums['rows_out']:,} | {sums['rejects']:,} "
        f"| {sums['pending']:,} | {sums['completion_tokens']:,} |"
        for (stage, unit), sums in sorted(facts.stages.items(), key=lambda item: _order(item[0][0]))
    ]
    verdicts = [
        f"| {_cell(verifier)} | {version} | {_cell(verdict)} | {n:,} |"
        for (verifier, version, verdict), n in sorted(facts.verdicts.items())
    ]
    rejects = [
        f"| {_cell(stage)} | {_cell(reason)} | {n:,} |"
        for (stage, reason), n in sorted(facts.rejects.items(), key=lambda item: (_order(item[0][0]), item[0][1]))
    ]
    parts = [
        "## How it was made",
        f"Seed {manifest.seed}. Teachers:",
        _table(("teacher", "model and revision"), teachers),
        "Settings of sampling, verification, deduplication and export (the whole recipe is in `recipe.toml`):",
        _table(("setting", "value"), settings),
        "What went into each stage and what came of it; rows in are rows out, rejects and rows still pending:",
        _table(("stage", "unit", "rows in", "rows out", "rejects", "pending", "completion tokens"), stages),
        "What the verifiers said of the traces:",
        _table(("verifier", "version", "verdict", "traces"), verdicts),
        *_audit(manifest),
        "Why rows were dropped. An `export_…` stage says what a configuration left out; it may be in another:",
        _table(("stage", "reason", "rows"), rejects),
    ]
    return "\n\n".join(parts)


def _audit(manifest: Manifest) -> list[str]:
    """Gives what the audit of the verifiers found, nothing where none was run."""
    sums: dict[tuple[str, str], list[int]] = {}
    for line in manifest.audit.get("lines", ()):
        counted = sums.setdefault((line["verifier"], line["family"]), [0, 0, 0])
        for i, name in enumerate(("tried", "faults", "unjudged")):
            counted[i] += line[name]
    if not sums:
        return []
    lines = [
        f"| {_cell(verifier)} | {_cell(family)} | {tried:,} | {faults:,} | {unjudged:,} |"
        for (verifier, family), (tried, faults, unjudged) in sorted(sums.items())
    ]
    return [
        f"The verifiers were audited on {manifest.audit['cases']:,} tasks of this build before the export. A fault is "
        "a mutant of a right answer, or junk, that was judged correct, or a right answer written differently that was "
        "not; those without a verdict are counted apart:",
        _table(("verifier", "probes", "tried", "faults", "without a verdict"), lines),
    ]


def _sources(facts: Facts) -> str:
    profiles = list(published_splits(facts))
    pairs = sorted({(source, license) for source, license, _ in facts.sources})
    lines = [
        f"| {_cell(source)} | {_cell(license) or 'not stated'} | "
        + " | ".join(f"{facts.sources[source, license, profile]:,}" for profile in profiles)
        + " |"
        for source, license in pairs[:SOURCES_SHOWN]
    ]
    more = f"\n\nAnd {len(pairs) - SOURCES_SHOWN:,} more." if len(pairs) > SOURCES_SHOWN else ""
    return (
        "## Sources and licences\n\n"
        "Rows by the source of their task and the licence of its text; each row carries both:\n\n"
        + _table(("source", "licence", *(f"`{profile}` rows" for profile in profiles)), lines)
        + more
    )


def _columns(facts: Facts) -> str:
    alike: dict[Any, list[str]] = {}
    for profile in published_splits(facts):
        alike.setdefault(PROFILES[profile].schema, []).append(profile)
    parts = ["## Columns"]
    for schema, profiles in alike.items():
        lines = [
            f"| `{field.name}` | `{_type(field.type)}` | {field.metadata[b'description'].decode()} |"
            for field in schema
        ]
        parts += [f"### {', '.join(profiles)}", _table(("column", "type", "what it is"), lines)]
    return "\n\n".join(parts)


def _load(facts: Facts, place: str) -> str:
    calls = [
        f'{profile} = load_dataset("{place}", "{profile}", split="{splits[0]}")'
        for profile, splits in published_splits(facts).items()
    ]
    return "\n".join(["## Loading", "", "```python", "from datasets import load_dataset", "", *calls, "```"])


def _rebuild(manifest: Manifest) -> str:
    paths = [task["path"] for task in manifest.recipe.get("tasks", ()) if task.get("path")]
    needs = (
        f" It reads {', '.join(_cell(path) for path in paths)}, which are not part of this dataset." if paths else ""
    )
    versions = ", ".join(f"{name} {version}" for name, version in sorted(manifest.versions.items()))
    return (
        "## Rebuilding\n\n```\nreasonmill build recipe.toml\n```\n\n"
        f"`recipe.toml` and `manifest.json` are beside this file.{needs} Code version {_cell(manifest.code_version)}"
        + (f"; {_cell(versions)}." if versions else ".")
    )


def _limits(facts: Facts) -> str:
    limits = [
        "A verdict is about the final answer. The reasoning before it was not checked.",
        "The licences above are those of the task texts. What the terms of the teacher models say of their answers was "
        "not examined.",
    ]
    if not any(stage == "decontaminate" for stage, _ in facts.stages):
        limits.append("No decontamination against benchmarks was run.")
    if not any(stage == "dedup" for stage, _ in facts.stages):
        limits.append("No deduplication was run.")
    guessable = {profile: n for profile, n in facts.guessable.items() if n}
    if guessable:
        named = ", ".join(f"{n:,} in `{profile}`" for profile, n in guessable.items())
        limits.append(f"Rows whose task a blind guess gets right more often than {GUESSABLE:.0%} of the time: {named}.")
    pending = sum(sums["pending"] for sums in facts.stages.values())
    if pending:
        limits.append(f"{pending:,} rows were still pending when it was published.")
    return "## Known limits\n\n" + "\n".join(f"- {limit}" for limit in limits)


def _order(stage: str) -> tuple[int, str]:
    return (_PIPELINE.index(stage) if stage in _PIPELINE else len(_PIPELINE), stage)


def _flat(key: str, value: Any) -> Iterable[tuple[str, Any]]:
    """Gives the settings of a nested object under dotted names, without those that are not set."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(f"{key}.{name}", inner)
    elif value is not None and value != [] and value != "":
        yield key, ", ".join(map(str, value)) if isinstance(value, list) else value


def _type(kind: pa.DataType) -> str:
    """Gives an Arrow type in the words of a reader: a list of messages is `[{role, content}]`."""
    if pa.types.is_list(kind):
        return f"[{_type(kind.value_type)}]"
    if pa.types.is_struct(kind):
        return f"{{{', '.join(field.name for field in kind)}}}"
    return str(kind)


def _table(head: Sequence[str], lines: Sequence[str]) -> str:
    if not lines:
        return "(none)"
    return "\n".join([f"| {' | '.join(head)} |", "|---" * len(head) + "|", *lines])


def _cell(value: Any) -> str:
    """Gives a value as text that stays inside a table cell and is no markup: names come from data."""
    text = re.sub(r"\s+", " ", str(value)).strip()
    return re.sub(r"([\\`*\[\]|])", r"\\\1", text.replace("&", "&amp;").replace("<", "&lt;"))
