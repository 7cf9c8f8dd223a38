"""The card's section on where the rows come from: what was voted, revised, hinted and run, and how a reader tells."""

from collections.abc import Mapping, Sequence

from catalog.facts import Facts
from catalog.markdown import line, table
from catalog.origins import MASKS, Remade
from catalog.profiles import PROFILES


def where_from(facts: Facts) -> str:
    """Gives the section; what a build has none of is not spoken of."""
    kept = {profile: rows for profile, rows in facts.origins.items() if rows.rows}
    parts = ["## Where the rows come from"]
    ways = sorted({way for rows in kept.values() for way in rows.ways})
    named = [way for way in ways if way != "sampled"]
    head = ["configuration", "rows", "reference by vote", "sampled", *named, "rows with tool output", "tool outputs"]
    lines = []
    for profile, rows in kept.items():
        made = [rows.ways[way] if rows.ways else "-" for way in ("sampled", *named)]
        masked = [rows.with_output, rows.outputs] if _masks(profile) else ["-", "-"]
        lines.append(line(f"{profile}", rows.rows, share(rows.voted, rows.rows), *made, *masked))
    parts.append(table(head, lines))
    if any(rows.voted for rows in kept.values()):
        parts.append(
            "A reference by vote is the answer that most traces of its task agree on. Nobody has checked it. Such a "
            "row says so: `consensus` in its `spec` has the winner's share and how many voted."
        )
    if any(rows.ways["revised"] or rows.ways["hinted"] for rows in kept.values()):
        parts.append(
            "Revised rows (`origin` is `retro_search`) and hinted ones (`cort`) were made of another trace, whose id "
            "is in `parent`; `sampled` ones were written from the prompt alone."
        )
    if shorter := {profile: rows.shorter for profile, rows in kept.items() if rows.shorter}:
        told = ", ".join(f"{n:,} in `{profile}`" for profile, n in shorter.items())
        parts.append(f"Pairs whose `rejected` is right as well, in more steps (`reason` is `shorter`): {told}.")
    if masks := [name for profile, rows in kept.items() if rows.outputs for name in _masks(profile)]:
        columns = ", ".join(f"`{name}`" for name in dict.fromkeys(masks))
        parts.append(
            f"An interpreter's output stands inside the text of rows with tool output. {columns} says at which "
            "characters: no model should learn to write them."
        )
    return "\n\n".join([*parts, *_made(facts)])


def share(part: int, whole: int) -> str:
    return f"{part:,} ({part / whole:.1%})" if part else "0"


def _masks(profile: str) -> list[str]:
    return [name for name in MASKS if name in PROFILES[profile].schema.names]


def _made(facts: Facts) -> list[str]:
    made = facts.made
    parts = []
    if made.revisions:
        parts += [
            "What Retro-Search made of this build's right traces; tokens are those of the traces before and after:",
            _remade("mode", made.revisions),
        ]
    if made.hintings:
        parts += [
            "What hints to use code came to; `prompt` asks a task for code from the start, so it has no tokens before:",
            _remade("strategy", made.hintings),
        ]
    if made.hints:
        parts.append(f"Hints in these traces: {', '.join(f'{n:,} {kind}' for kind, n in sorted(made.hints.items()))}.")
    if made.runs:
        lines = [line(kind, status, n) for (kind, status), n in sorted(made.runs.items())]
        parts += [
            "Code that ran in them, of traces in a configuration or not; `verification` computed what the text had:",
            table(("kind", "status", "runs"), lines),
        ]
    return parts


def _remade(way: str, sums: Mapping[tuple[str, str, str], Remade]) -> str:
    head: Sequence[str] = (way, "model and revision", "outcome", "n", "tokens before", "tokens after")
    lines = [line(*key, sum_.n, sum_.tokens_before, sum_.tokens_after) for key, sum_ in sorted(sums.items())]
    return table(head, lines)
