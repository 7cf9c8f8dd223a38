"""The dataset card: README.md of a published dataset, derived from its manifest and from what was counted.

Nothing in it is written by hand for one dataset: what the manifest and the counts do not say, the card does not say.
"""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import yaml

from catalog.card_origins import share, where_from
from catalog.facts import GUESSABLE, Facts
from catalog.licenses import license_metadata
from catalog.manifest import Manifest
from catalog.markdown import cell, line, table
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
        f"# {cell(manifest.name)}",
        _what(manifest, facts),
        _how(manifest, facts),
        where_from(facts),
        _sources(facts),
        _columns(facts),
        _load(facts, place),
        _rebuild(manifest),
        _limits(manifest, facts),
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
        f"Version `{manifest.version}`, built by reasonmill {cell(manifest.code_version)}. "
        "One configuration a purpose:\n\n"
        + table(("configuration", "what for", "train rows", "test rows"), lines)
        + "\n\nAll rows of a task are in the same split, chosen by a hash of the task."
        + note
    )


def _how(manifest: Manifest, facts: Facts) -> str:
    teachers = [line(name, revision) for name, revision in sorted(manifest.teachers.items())]
    settings = [
        line(key, str(value))
        for section in ("sample", "verify", "revise", "hint", "dedup", "export")
        for key, value in _flat(section, manifest.recipe.get(section))
    ]
    stages = [
        line(stage, unit, *(sums[name] for name in ("rows_in", "rows_out", "rejects", "pending", "completion_tokens")))
        for (stage, unit), sums in sorted(facts.stages.items(), key=lambda item: _order(item[0][0]))
    ]
    verdicts = [
        line(verifier, version, verdict, n) for (verifier, version, verdict), n in sorted(facts.verdicts.items())
    ]
    rejects = [
        line(stage, reason, n)
        for (stage, reason), n in sorted(facts.rejects.items(), key=lambda item: (_order(item[0][0]), item[0][1]))
    ]
    parts = [
        "## How it was made",
        f"Seed {manifest.seed}. Teachers:",
        table(("teacher", "model and revision"), teachers),
        "Settings of the stages (the whole recipe is in `recipe.toml`):",
        table(("setting", "value"), settings),
        "What went into each stage and what came of it; rows in are rows out, rejects and rows still pending:",
        table(("stage", "unit", "rows in", "rows out", "rejects", "pending", "completion tokens"), stages),
        "What the verifiers said of the traces:",
        table(("verifier", "version", "verdict", "traces"), verdicts),
        *_audit(manifest),
        "Why rows were dropped. An `export_…` stage says what a configuration left out; it may be in another:",
        table(("stage", "reason", "rows"), rejects),
    ]
    return "\n\n".join(parts)


def _audit(manifest: Manifest) -> list[str]:
    """Gives what the audit of the verifiers found, nothing where none was run."""
    sums: dict[tuple[str, str], list[int]] = {}
    for kind in manifest.audit.get("lines", ()):
        counted = sums.setdefault((kind["verifier"], kind["family"]), [0, 0, 0])
        for i, name in enumerate(("tried", "faults", "unjudged")):
            counted[i] += kind[name]
    if not sums:
        return []
    lines = [
        line(verifier, family, tried, faults, unjudged)
        for (verifier, family), (tried, faults, unjudged) in sorted(sums.items())
    ]
    audit = manifest.audit
    rates = [
        f"{_rate(audit[name])} {what}" + (f" (the limit is {_rate(limit)})" if limit is not None else "")
        for name, what in (("false_accept", "of mutants and junk"), ("false_reject", "of right answers"))
        for limit in [audit.get("limits", {}).get(f"max_{name}")]
    ]
    faults = [
        line(one["verifier"], one["family"], one["kind"], one["tried"], one["faults"])
        for one in audit["lines"]
        if one["faults"]
    ]
    parts = [
        f"The verifiers were audited on {manifest.audit['cases']:,} tasks of this build before the export. A fault is "
        "a mutant of a right answer, or junk, that was judged correct, or a right answer written differently that was "
        "not; those without a verdict are counted apart:",
        table(("verifier", "probes", "tried", "faults", "without a verdict"), lines),
        f"Faults are {rates[0]} and {rates[1]}.",
    ]
    if faults:
        parts += ["Kinds of probes with faults:", table(("verifier", "probes", "kind", "tried", "faults"), faults)]
    return parts


def _rate(value: float) -> str:
    return f"{value:.2%}"


def _sources(facts: Facts) -> str:
    profiles = list(published_splits(facts))
    pairs = sorted({(source, license) for source, license, _ in facts.sources})
    lines = [
        line(source, license.strip() or "not stated", *(facts.sources[source, license, name] for name in profiles))
        for source, license in pairs[:SOURCES_SHOWN]
    ]
    more = f"\n\nAnd {len(pairs) - SOURCES_SHOWN:,} more." if len(pairs) > SOURCES_SHOWN else ""
    return (
        "## Sources and licences\n\n"
        "Rows by the source of their task and the licence of its text; each row carries both:\n\n"
        + table(("source", "licence", *(f"`{profile}` rows" for profile in profiles)), lines)
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
        parts += [f"### {', '.join(profiles)}", table(("column", "type", "what it is"), lines)]
    return "\n\n".join(parts)


def _load(facts: Facts, place: str) -> str:
    calls = [
        f'{profile} = load_dataset("{place}", "{profile}", split="{splits[0]}")'
        for profile, splits in published_splits(facts).items()
    ]
    return "\n".join(["## Loading", "", "```python", "from datasets import load_dataset", "", *calls, "```"])


def _rebuild(manifest: Manifest) -> str:
    paths = [task["path"] for task in manifest.recipe.get("tasks", ()) if task.get("path")]
    needs = f" It reads {', '.join(cell(path) for path in paths)}, which are not part of this dataset." if paths else ""
    versions = ", ".join(f"{name} {version}" for name, version in sorted(manifest.versions.items()))
    return (
        "## Rebuilding\n\n```\nreasonmill build recipe.toml\n```\n\n"
        f"`recipe.toml` and `manifest.json` are beside this file.{needs} Code version {cell(manifest.code_version)}"
        + (f"; {cell(versions)}." if versions else ".")
    )


def _limits(manifest: Manifest, facts: Facts) -> str:
    limits = [
        "A verdict is about the final answer. The reasoning before it was not checked.",
        "The licences above are those of the task texts. What the terms of the teacher models say of their answers was "
        "not examined.",
    ]
    if not any(stage == "decontaminate" for stage, _ in facts.stages):
        limits.append("No decontamination against benchmarks was run.")
    if not any(stage == "dedup" for stage, _ in facts.stages):
        limits.append("No deduplication was run.")
    if not manifest.audit.get("lines"):
        limits.append("The verifiers were not audited on tasks of this build.")
    voted = {profile: share(rows.voted, rows.rows) for profile, rows in facts.origins.items() if rows.voted}
    if voted:
        named = ", ".join(f"{told} in `{profile}`" for profile, told in voted.items())
        limits.append(f"Rows whose reference is a majority vote of the teacher's own answers: {named}.")
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
