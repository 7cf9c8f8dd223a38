"""How many of the places where hand calculation or a check begins the detectors of CoRT find: recall on real traces.

    python benchmarks/detection.py            # prints what it stores in benchmarks/results/detection.json
    python benchmarks/detection.py --draw     # paragraphs drawn to be read that have no label yet, in their context

Detected places are those of all shared R1 traces, right in the share that a reader found right (`labels.jsonl`). Missed
ones are estimated from paragraphs that no detector marked: drawn at random by a fixed seed, from strata of how likely
they are to hold one, and labelled by a reader (`undetected.jsonl`): does hand calculation that a short program would do
begin in it, or a check of something known? What goes on in it and began before is no place, light arithmetic is none.
Intervals are 90 %, by simulation from each proportion's Beta posterior under Jeffreys' prior.
"""

import gzip
import json
import random
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from generators.cort.detect import CHECK, COMPUTE, TRUST, positions
from generators.cort.recorded import recorded_calls

ROOT = Path(__file__).resolve().parent.parent
TRACED = ROOT.parent / "shared" / "data" / "reasoning_traces.parquet"
PROGRAMS = TRACED.with_name("tora_tool_traces_gsm8k.jsonl.gz")
LABELS = ROOT / "tests" / "generators" / "cort"
RESULT = ROOT / "benchmarks" / "results" / "detection.json"
SEED = 20260
NEAR = 40
"""Characters by which a position may lie beside its label, or a paragraph begin behind one that a detector marked."""

SIMULATIONS = 20_000
BEFORE, BEHIND = 220, 380
"""Characters around a paragraph's beginning that `--draw` prints."""

READ = {
    (COMPUTE, "operations"): 90,
    (COMPUTE, "digits"): 70,
    (COMPUTE, "rest"): 40,
    (CHECK, "words"): 90,
    (CHECK, "transition"): 80,
    (CHECK, "rest"): 40,
}
"""Paragraphs read of each stratum; `rest` holds what can hardly be a place, and is read to see that it holds none."""

_PARAGRAPH = re.compile(r"(?:(?!\n[ \t]*\n).)+", re.DOTALL)
_OPERATION = re.compile(r"\d\s*(?:[-+×*·÷/^²³=≈]|\\times|\\cdot|\\div)\s*[\d(√]")
_CUE = re.compile(
    r"check|verif|confirm|recalculat|recomput|recount|again|make sure|be sure|mistake|miscalc|correct|right\?|matches"
    r"|plug|substitut\w* back|\btest",
    re.IGNORECASE,
)
_TURN = re.compile(r"^(?:but |so |hmm,? )*(?:wait|hold on|however|alternatively|let me|let's|hmm|but)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph of a trace's thinking that no detector of its kind marked."""

    trace: str
    at: int
    text: str


def traces() -> dict[str, str]:
    table = pq.read_table(TRACED, columns=["id", "response"])
    rows = zip(table["id"].to_pylist(), table["response"].to_pylist(), strict=True)
    return {name: response.split("</think>")[0] for name, response in rows}


def stratum(kind: str, text: str) -> str:
    """Gives how likely a paragraph is to hold a place of a kind, by its text alone."""
    if kind == COMPUTE:
        if len(_OPERATION.findall(text)) >= 3:
            return "operations"
        return "digits" if len(re.findall(r"\d", text)) >= 6 else "rest"
    if _CUE.search(text):
        return "words"
    return "transition" if _TURN.match(text.strip()) else "rest"


def undetected(texts: dict[str, str]) -> dict[tuple[str, str], list[Paragraph]]:
    """Gives the paragraphs that hold nothing of what a detector marked, by kind and stratum, in text order."""
    found: dict[tuple[str, str], list[Paragraph]] = {key: [] for key in READ}
    for name, text in texts.items():
        marked = positions(text)
        for kind in (COMPUTE, CHECK):
            reaches = [(one.at - NEAR, one.end) for one in marked if one.kind == kind]
            for match in _PARAGRAPH.finditer(text):
                start, end = match.span()
                if match[0].strip() and not any(a < end and start < b for a, b in reaches):
                    found[kind, stratum(kind, match[0])].append(Paragraph(name, start, match[0]))
    return found


def drawn(texts: dict[str, str]) -> Iterator[tuple[str, str, Paragraph]]:
    """Gives the paragraphs to read, each with its kind and stratum; the same seed and detectors give the same."""
    for (kind, name), paragraphs in undetected(texts).items():
        for one in random.Random(f"{SEED}/{kind}/{name}").sample(paragraphs, READ[kind, name]):
            yield kind, name, one


def recall(kind: str, texts: dict[str, str]) -> dict[str, Any]:
    """Gives the share of a kind's places that its detector finds, and what that comes of."""
    found = sum(one.kind == kind for text in texts.values() for one in positions(text))
    right = _right(kind, texts)
    strata: dict[str, dict[str, int]] = {}
    for (of, name), paragraphs in undetected(texts).items():
        if of == kind:
            there = {(one.trace, one.at) for one in paragraphs}
            read = [label for label in _labels("undetected") if (label["kind"], label["stratum"]) == (kind, name)]
            read = [label["label"] for label in read if (label["trace"], label["at"]) in there]
            strata[name] = {"paragraphs": len(paragraphs), "read": len(read), "places": sum(read)}
    counted = [one for name, one in strata.items() if name != "rest"]
    true = found * sum(right) / len(right)
    missed = sum(one["paragraphs"] * one["places"] / one["read"] for one in counted)
    chance = random.Random(SEED)
    drawn_shares = []
    for _ in range(SIMULATIONS):
        hits = found * _share(chance, sum(right), len(right))
        misses = sum(one["paragraphs"] * _share(chance, one["places"], one["read"]) for one in counted)
        drawn_shares.append(hits / (hits + misses))
    drawn_shares.sort()
    return {
        "detected": found,
        "precision": {"right": sum(right), "labelled": len(right)},
        "undetected": strata,
        "missed": round(missed),
        "recall": round(true / (true + missed), 3),
        "interval": [round(drawn_shares[int(share * SIMULATIONS)], 3) for share in (0.05, 0.95)],
    }


def _right(kind: str, texts: dict[str, str]) -> list[bool]:
    """Whether each labelled position that is detected is what it says."""
    found = []
    for label in _labels("labels"):
        if label["kind"] == kind:
            near = (abs(one.at - label["at"]) <= NEAR for one in positions(texts[label["trace"]]) if one.kind == kind)
            found += [label["label"]] if any(near) else []
    return found


def _share(chance: random.Random, hits: int, of: int) -> float:
    return chance.betavariate(hits + 0.5, of - hits + 0.5)


def _labels(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (LABELS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def after_outputs() -> dict[str, int]:
    """Counts, over recorded programs with text behind their output, where a check of it is detected."""
    with gzip.open(PROGRAMS, "rt", encoding="utf-8") as lines:
        responses = [json.loads(line)["response"] for line in lines]
    outputs = checked = longest = 0
    for text in responses:
        spans = [(call.start, call.end) for call in recorded_calls(text)]
        outputs += len(spans)
        checked += sum(one.kind == TRUST for one in positions(text, spans))
        longest = max([longest, *(len(text[end:].strip()) for _, end in spans)])
    return {"outputs": outputs, "trust": checked, "longest_text_behind": longest}


def main() -> None:
    texts = traces()
    if sys.argv[1:] == ["--draw"]:
        known = {(label["trace"], label["at"], label["kind"]) for label in _labels("undetected")}
        for kind, name, one in drawn(texts):
            if (one.trace, one.at, kind) not in known:
                text = texts[one.trace]
                context = text[max(0, one.at - BEFORE) : one.at], text[one.at : one.at + BEHIND]
                print(f"== {kind}, {name}: {one.trace} at {one.at}\n{context[0]}>>>{context[1]}")
        return
    found = {kind: recall(kind, texts) for kind in (COMPUTE, CHECK)}
    result = {"seed": SEED, **found, "after_outputs": after_outputs()}
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
