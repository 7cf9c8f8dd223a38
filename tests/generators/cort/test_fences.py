"""Fenced blocks are read as what they are, in time that grows with the text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.cort.fences import blocks, in_string
from generators.cort.outputs import block

LINES = ("```python", "```", "````", "```output", "x = 1", '"""', "  ```  ", "# it's", "text `x`", "")


@given(st.lists(st.sampled_from(LINES), max_size=25))
def test_blocks_lie_in_order_and_only_the_last_may_be_open(lines: list[str]) -> None:
    text = "\n".join(lines)
    at = 0
    for found in blocks(text):
        assert at <= found.start < len(text)
        at = found.start if found.end is None else found.end
        assert text[found.start :].lstrip().startswith("```")


@given(st.text(alphabet="`\n abc", max_size=40))
def test_no_output_leaves_its_block(output: str) -> None:
    """Promise: whatever code prints, its output block is one block, and ends where it is said to end."""
    text = f"So.\n{block(output, used_up=False)}"
    (found,) = blocks(text)
    assert (found.language, found.start, found.end) == ("output", 4, len(text) - 1)


@pytest.mark.parametrize(
    ("code", "inside"),
    [
        ("x = 1\n", False),
        ('s = """\n', True),
        ('s = """a"""\n', False),
        ("s = '''it\n", True),
        ("s = \"'''\"\n", False),
        ('# """\n', False),
        ("s = 'it\\'s' + \"x\"\n", False),
        ('s = "a" """b\n', True),
    ],
)
def test_strings_in_triple_quotes_are_known(code: str, inside: bool) -> None:
    assert in_string(code) is inside


@pytest.mark.parametrize(
    "text",
    [
        "```python\n" * 20_000,
        "```python\n'''\n" + "```x\n" * 40_000,
        "```python\nx = 1\n```\n" * 10_000,
        "```" + " " * 200_000 + "`",
        "```python\n" + '"""' * 60_000,
        '"' * 200_000,
        "`" * 200_000,
    ],
)
def test_hostile_text_takes_time_in_proportion(text: str) -> None:
    """Promise: linear; pytest's own limit ends one that is not."""
    blocks(text)
    in_string(text)
