import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.errors import UserError
from generators.teachers.formats import FORMATS, render


def test_chatml_marks_the_turns():
    assert render("chatml", "2+2?", None) == "<|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n"


def test_thinking_is_opened_at_the_end():
    assert render("deepseek", "2+2?", ("<think>", "</think>")) == "<｜User｜>2+2?<｜Assistant｜><think>\n"


def test_a_text_of_ones_own_takes_the_prompt_where_it_says():
    assert render("Q: {prompt}\nA:", "why?", None) == "Q: why?\nA:"


@given(st.text(), st.sampled_from([*FORMATS, "Q: {prompt} {0} {x} %s"]))
def test_a_prompt_is_put_in_as_it_is(prompt, format):
    before, after = FORMATS.get(format, format).split("{prompt}")
    assert render(format, prompt, None) == before + prompt + after


def test_braces_in_a_prompt_mean_nothing():
    assert render("plain", "{prompt} {0.__class__}", None) == "{prompt} {0.__class__}"


def test_an_unknown_format_is_refused_with_the_known_names():
    with pytest.raises(UserError, match="'chatlm' is unknown: use plain, chatml, deepseek"):
        render("chatlm", "x", None)
