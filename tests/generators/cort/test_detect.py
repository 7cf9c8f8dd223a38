"""The detectors against positions of real traces that a reader labelled."""

import gzip
import json
import re
from pathlib import Path

import pytest

from generators.cort.detect import CHECK, COMPUTE, TRUST, positions
from generators.cort.recorded import recorded_calls

LABELS, UNDETECTED = (
    [json.loads(line) for line in (Path(__file__).parent / f"{name}.jsonl").read_text().splitlines()]
    for name in ("labels", "undetected")
)
NEAR = 40
"""Characters by which a position may lie beside its label."""


@pytest.fixture(scope="module")
def thinking(shared_data) -> dict[str, str]:
    import pyarrow.parquet as pq

    table = pq.read_table(shared_data / "reasoning_traces.parquet", columns=["id", "response"])
    wanted = {label["trace"] for label in LABELS + UNDETECTED}
    rows = zip(table["id"].to_pylist(), table["response"].to_pylist(), strict=True)
    return {name: response.split("</think>")[0] for name, response in rows if name in wanted}


@pytest.mark.parametrize(("kind", "at_least"), [(COMPUTE, 0.78), (CHECK, 0.84)])
def test_precision_on_labelled_positions_of_real_traces(kind, at_least, thinking) -> None:
    """Promise: of the labelled positions that a detector finds, so many are what it says (docs/cort.md)."""
    hits = []
    for trace, text in thinking.items():
        labels = [label for label in LABELS if label["trace"] == trace and label["kind"] == kind]
        for position in positions(text):
            near = [one for one in labels if position.kind == kind and abs(one["at"] - position.at) <= NEAR]
            hits += [near[0]["label"]] if near else []
    assert len(hits) >= 90
    assert sum(hits) / len(hits) >= at_least


def test_labels_point_at_the_text_that_was_read(thinking) -> None:
    assert len(LABELS) >= 150 and len(UNDETECTED) >= 300
    for label in LABELS + UNDETECTED:
        text = " ".join(thinking[label["trace"]][label["at"] : label["at"] + 70].split())
        assert text == label["excerpt"]
        assert len(label["excerpt"]) <= 80


def test_paragraphs_that_a_reader_found_to_be_no_place_stay_undetected(thinking) -> None:
    """Promise: recall is not bought with what a reader has seen to be none; one in a hundred may slip in."""
    found = {name: positions(text) for name, text in thinking.items()}
    none = [label for label in UNDETECTED if not label["label"]]
    marked = [
        label
        for label in none
        for one in found[label["trace"]]
        if one.kind == label["kind"] and label["at"] <= one.at < label["at"] + len(label["excerpt"])
    ]
    assert len(marked) <= len(none) / 100


def test_in_recorded_tool_traces_nothing_is_checked_after_an_output(shared_data) -> None:
    """Promise: of 926 real outputs with text behind them none is taken for distrusted; their authors do not check."""
    outputs = 0
    with gzip.open(shared_data / "tora_tool_traces_gsm8k.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            text = json.loads(line)["response"]
            spans = [(call.start, call.end) for call in recorded_calls(text)]
            outputs += len(spans)
            assert not any(re.search(r"\d\s*[-+*/×=]\s*\d", text[end:]) for _, end in spans)
            assert not [one for one in positions(text, spans) if one.kind == TRUST]
    assert outputs == 926


def test_distrust_of_an_output_is_found_right_behind_it() -> None:
    before = "Compute.\n\n```python\nprint(17 * 23)\n```\n"
    output = "```output\n391\n```\n"
    found = positions(
        before + output + "Wait, let me verify 391 by hand: 17 * 20 is 340.", [(len(before), len(before + output))]
    )
    assert [(position.kind, position.at) for position in found] == [(TRUST, len(before + output))]


def test_going_on_with_an_output_is_no_distrust() -> None:
    before = "Compute.\n\n```python\nprint(17 * 23)\n```\n"
    output = "```output\n391\n```\n"
    text = before + output + "So there are 391 seats, and half of them are free."
    assert positions(text, [(len(before), len(before + output))]) == []


def test_code_is_no_hand_calculation() -> None:
    lines = "\n".join(f"x{i} = {i * 37} * {i * 91} + {i * 1000}" for i in range(10, 30))
    assert positions(f"```python\n{lines}\n```\n") == []
    assert [one.kind for one in positions(lines)] == [COMPUTE]


@pytest.mark.parametrize(
    "text", ["1" * 200_000, "1,1 + " * 40_000, "check if 12 " * 20_000, "a\n" * 100_000, "1." * 100_000]
)
def test_hostile_text_takes_time_in_proportion(text) -> None:
    """Promise: detectors are linear; pytest's own limit ends one that is not."""
    positions(text)
