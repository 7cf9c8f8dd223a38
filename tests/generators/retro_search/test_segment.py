"""The steps and thoughts of a text, joined, are the text; they begin where a reader says they do."""

import json
import re
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.retro_search.segment import count_steps, opens_thought, segment
from generators.settings import TRANSITIONS

CASES = [json.loads(line) for line in (Path(__file__).parent / "segment_cases.jsonl").read_text().splitlines()]

pieces = st.sampled_from(
    [
        "\n",
        "\n\n",
        " ",
        "\r\n",
        "\t",
        "Wait",
        "But",
        "Hmm",
        "等等",
        "```",
        "~~~",
        "$$",
        "\\[",
        "\\]",
        "- ",
        "1. ",
        "word. ",
    ]
)
texts = st.lists(pieces | st.text(max_size=4), max_size=40).map("".join) | st.text()
keywords = st.lists(st.text(min_size=1, max_size=6).filter(str.strip), max_size=4) | st.just(list(TRANSITIONS))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["why"])
def test_a_text_is_cut_where_a_reader_cuts_it(case):
    found = segment(case["text"], case.get("keywords", TRANSITIONS))
    bounds = [*found.thoughts, len(found.steps)]
    thoughts = [[found.step(i) for i in range(a, b)] for a, b in pairwise(bounds)]
    assert thoughts == case["thoughts"]


@given(texts, keywords)
def test_steps_and_thoughts_joined_are_the_text(text, words):
    found = segment(text, words)
    assert "".join(found.step(i) for i in range(len(found.steps))) == text
    assert "".join(found.thought(i) for i in range(len(found.thoughts))) == text
    assert found.steps[0] == found.thoughts[0] == 0
    assert list(found.steps) == sorted(set(found.steps)) and list(found.thoughts) == sorted(set(found.thoughts))


@given(texts, keywords)
def test_a_thought_s_bounds_and_counts_agree(text, words):
    found = segment(text, words)
    for thought in range(len(found.thoughts)):
        ahead = text[: found.end(thought)]
        assert ahead.endswith(found.thought(thought))
        assert found.thought_of(found.thoughts[thought]) == thought
        assert found.steps_after(thought) == sum(at >= found.end(thought) for at in found.steps if at)
    assert count_steps(text) == (len(found.steps) if text.strip() else 0)


@given(texts)
def test_each_thought_but_the_first_begins_with_a_keyword(text):
    found = segment(text, TRANSITIONS)
    for thought in range(1, len(found.thoughts)):
        assert opens_thought(found.thought(thought), TRANSITIONS)


@pytest.mark.parametrize(
    "text",
    [
        "\n```a" * 200_000,
        "".join(f"\n{'`' * (3 + i % 30)}a\n\n" for i in range(100_000)),
        "\n\\[\n" * 300_000,
        "\n$$\n\n" * 300_000,
        "\n" + " " * 3_000_000,
        "\n " * 1_000_000,
        "\n\nWai" * 500_000,
        "\n\n" + "*" * 3_000_000,
    ],
    ids=["fences", "fences of all lengths", "formulas", "dollars", "spaces", "blank lines", "half words", "emphasis"],
)
def test_hostile_text_is_cut_in_one_pass(text):
    found = segment(text, TRANSITIONS)
    assert "".join(found.step(i) for i in range(len(found.steps))) == text


def test_real_traces_are_cut_at_each_paragraph_and_keyword(shared_data):
    table = pq.read_table(shared_data / "reasoning_traces.parquet", columns=["response"])
    blocks = 0
    for text in table["response"].to_pylist():
        thinking = text.partition("</think>")[0]
        found = segment(thinking, TRANSITIONS)
        assert "".join(found.step(i) for i in range(len(found.steps))) == thinking
        assert "".join(found.thought(i) for i in range(len(found.thoughts))) == thinking
        paragraphs = re.split(r"\n\s*\n", thinking.strip())
        switches = sum(
            bool(re.match(rf"\W*(?:{'|'.join(TRANSITIONS)})\b", p, re.IGNORECASE)) and not p.startswith("- ")
            for p in paragraphs[1:]
        )
        if re.search(r"```|\n\\\[\n", thinking):
            blocks += 1
            continue
        assert (len(found.steps), len(found.thoughts)) == (len(paragraphs), switches + 1)
    assert len(table) == 492 and blocks < 5
