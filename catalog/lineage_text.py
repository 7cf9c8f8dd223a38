"""Histories and traces as text for a terminal; control characters of a model's text are spelt out, never obeyed."""

import json
import re
import textwrap
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from catalog.votes import spec_before_vote

if TYPE_CHECKING:
    from catalog.lineage import Diff, History, Passage, Shown

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_WIDTH = 11


def history(of: "History") -> str:
    """Gives a row's history, a line a fact."""
    lines = [f"{of.kind} {of.id}"]
    if of.completion is not None:
        c = of.completion
        lines.append(
            _fact(
                "completion",
                f"{c['key']}: {c['teacher']} ({c['revision']}), {c['stage']} {c['sample']}, {c['prompt_tokens']} + "
                f"{c['completion_tokens']} tokens, {c['finish_reason']}, {c['wall_s']:.2f} s, seed {c['seed']}",
            )
        )
        lines.append(_fact("params", c["params"]))
    for passage in of.passages:
        lines += ["", *_passage(of, passage)]
    return plain("\n".join(lines))


def _passage(of: "History", passage: "Passage") -> list[str]:
    lines = [_fact("build", f"{passage.build}@{passage.version} ({passage.status})")]
    if passage.task is not None:
        task = passage.task
        lines.append(_fact("task", f"{task['task_id']}: {task['domain']}, {task['source']}, licence {task['license']}"))
        asked = [task[name] for name in ("task_id", "domain", "prompt", "verifier", "spec")]
        voted = ", by vote" if task["reference"] and spec_before_vote(*asked) is not None else ""
        lines.append(_fact("", f"checked by {task['verifier']}, reference {_short(task['reference'])}{voted}"))
    said: dict[str, list[dict[str, Any]]] = {}
    for verdict in passage.verdicts:
        said.setdefault(verdict["trace_id"], []).append(verdict)
    for trace in passage.traces:
        lines.append(_fact("trace", _trace(trace)))
        lines += [_fact("verdict", _verdict(verdict)) for verdict in said.get(trace["trace_id"], ())]
        if trace["trace_id"] not in said:
            lines.append(_fact("verdict", "none yet"))
    lines += [_fact("made from", _trace(trace)) for trace in passage.ancestors]
    lines += [_fact("led to", _trace(trace)) for trace in passage.children]
    lines += [_fact("revised", _revision(revision)) for revision in passage.revisions if revision["trace_id"]]
    for reject in passage.rejects:
        lines.append(_fact("not revised" if reject["row_kind"] == "revision" else "dropped", _reject(reject)))
    lines += [_fact("kept for", _reject(reject)) for reject in passage.stands_for]
    for place in passage.places:
        if place.absent:
            lines.append(_fact("dataset", f"{place.profile}: {place.absent}" if place.profile else place.absent))
        else:
            usual = ("task_id",) if of.kind == "task" else ("trace_id",)
            named = "" if place.column in usual else f", as {place.column}"
            lines.append(_fact("dataset", f"{place.profile}: row {place.row} of {place.split}{named}"))
    return lines


def _trace(trace: dict[str, Any]) -> str:
    cut = ", truncated" if trace["truncated"] else ""
    return (
        f"{trace['trace_id']}: {trace['origin']}, sample {trace['sample']}, {trace['completion_tokens']} tokens, "
        f"{trace['finish_reason']}{cut}"
    )


def _verdict(verdict: dict[str, Any]) -> str:
    read = "" if verdict["extracted"] is None else f", read {_short(verdict['extracted'])}"
    detail = f" ({verdict['detail']})" if verdict["detail"] else ""
    return f"{verdict['verdict']}{read} by {verdict['verifier']} {verdict['verifier_version']}{detail}"


def _reject(reject: dict[str, Any]) -> str:
    parts = [f"{reject['row_kind']} {reject['row_id']} by {reject['stage']}: {reject['reason']}"]
    if reject["twin"] is not None:
        parts.append(f"twin {reject['twin']}")
    if reject["score"] is not None:
        parts.append(f"score {reject['score']:.3f}")
    if reject["detail"]:
        parts.append(reject["detail"])
    return ", ".join(parts)


def _revision(row: dict[str, Any]) -> str:
    return (
        f"{row['parent']} to {row['trace_id']} by {row['revision']}, mode {row['mode']}: {row['steps_before']} to "
        f"{row['steps_after']} steps, {row['tokens_before']} to {row['tokens_after']} tokens, {row['accepted']} of "
        f"{row['tried']} switch points accepted"
    )


def diff(of: "Diff", width: int) -> str:
    """Gives original and revision side by side: what was kept, once, then both tails, then where and why."""
    row, column = of.revision, max(20, (width - 3) // 2)
    kept = of.original["thinking"][: row["kept"]].strip()
    tails = [
        trace["thinking"][len(kept) if trace is of.revised else row["kept"] :].strip()
        + "\n\n## Answer\n\n"
        + trace["answer"]
        for trace in (of.original, of.revised)
    ]
    heads = [
        f"original {of.original['trace_id'][:9]}: {row['steps_before']} steps, {row['tokens_before']} tokens",
        f"revised {of.revised['trace_id'][:9]}: {row['steps_after']} steps, {row['tokens_after']} tokens",
    ]
    lines = []
    if of.task is not None:
        lines += ["## Problem", "", of.task["prompt"], "", f"reference: {of.task['reference']}", ""]
    lines += [f"## Kept by both ({row['kept']} characters)", "", kept if len(kept) <= 1_000 else _ends(kept), ""]
    columns = [
        [*_wrapped(head, column), "-" * column, *_wrapped(tail, column)]
        for head, tail in zip(heads, tails, strict=True)
    ]
    for left, right in zip_longest(*columns, fillvalue=""):
        lines.append(f"{left:<{column}} | {right}".rstrip())
    lines += ["", f"## Where and why (mode {row['mode']}, by {row['revision']})", ""]
    for point in json.loads(row["points"]):
        if point["outcome"] == "accepted":
            lines.append(
                f"after thought {point['switch'] + 1}, character {point['offset']}: the rollouts are worth "
                f"{point['mean_value']:.3g} on average, the tail of {point['steps']} steps {point['value']:.3g}"
            )
    return plain("\n".join(lines).rstrip())


def _ends(text: str) -> str:
    return f"{text[:450]}\n[... {len(text) - 900} characters ...]\n{text[-450:]}"


def _wrapped(text: str, width: int) -> list[str]:
    return [part for line in text.split("\n") for part in (textwrap.wrap(line, width) or [""])]


def shown(of: "Shown") -> str:
    """Gives the texts of a row under headings."""
    lines = [f"{of.kind} {of.id}"]
    if of.task is not None:
        lines += ["", "## Problem", "", of.task["prompt"], "", f"reference: {of.task['reference']}"]
    if of.trace is not None:
        if of.trace["thinking"]:
            lines += ["", "## Thinking", "", of.trace["thinking"]]
        lines += ["", "## Answer", "", of.trace["answer"]]
        lines += ["", *(f"verdict: {_verdict(verdict)}" for verdict in of.verdicts)]
        if of.trace["truncated"]:
            lines.append("truncated: the token limit cut it off")
    if of.completion is not None:
        lines += ["", "## Completion", "", of.completion["text"]]
    return plain("\n".join(lines).rstrip())


def plain(text: str) -> str:
    """Gives the text with control characters, which could steer the terminal, spelt out."""
    return _CONTROL.sub(
        lambda match: f"\\x{ord(match[0]):02x}" if ord(match[0]) < 256 else f"\\u{ord(match[0]):04x}", text
    )


def _short(text: str) -> str:
    text = " ".join(text.split())
    return repr(text if len(text) <= 60 else text[:59] + "…")


def _fact(name: str, text: str) -> str:
    return f"  {name:<{_WIDTH}}" + text.replace("\n", " ")
