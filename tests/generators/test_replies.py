import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.teachers.protocol import Reply, Request, TerminalError
from generators.teachers.replies import MalformedError, printable, read_reply


def _body(*choices, **rest):
    return json.dumps({"choices": list(choices), **rest}).encode()


def _choice(text="yes", finish_reason="stop", **rest):
    return {"text": text, "finish_reason": finish_reason, **rest}


def _read(body, n=1, **request):
    return read_reply(body, Request("What?", n=n, **request), n)


def test_counts_are_taken_from_usage():
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}}
    reply = _read(_body(_choice(), usage=usage))
    assert (reply.prompt_tokens, reply.cached_tokens, reply.choices[0].completion_tokens) == (7, 4, 3)


def test_counts_are_estimated_where_the_endpoint_does_not_count():
    reply = _read(_body(_choice("12345678"), _choice("123", "length"), usage={"prompt_tokens": -1}), n=2, max_tokens=5)
    assert reply.prompt_tokens == 2
    assert [c.completion_tokens for c in reply.choices] == [2, 5]


def test_a_total_for_several_choices_is_shared_out_by_length():
    usage = {"completion_tokens": 40}
    reply = _read(_body(_choice("a" * 60), _choice("b" * 20), _choice("c", "length"), usage=usage), n=3, max_tokens=20)
    assert [c.completion_tokens for c in reply.choices] == [15, 5, 20]


def test_an_absurd_count_never_exceeds_the_limit_of_the_request():
    assert _read(_body(_choice(), usage={"completion_tokens": 10**12}), max_tokens=9).choices[0].completion_tokens == 9


def test_choices_come_in_the_order_of_their_index():
    reply = _read(_body(_choice("b", index=1), _choice("a", index=0)), n=2)
    assert [c.text for c in reply.choices] == ["a", "b"]


def test_text_is_cut_at_a_stop_string_the_endpoint_ignored():
    choice = _read(_body(_choice("one\n\ntwo END three", "length")), stop=("END", "\n\n")).choices[0]
    assert (choice.text, choice.finish_reason, choice.stop_string) == ("one", "stop", "\n\n")


def test_vllms_stop_reason_is_kept_when_it_is_a_stop_string():
    assert _read(_body(_choice(stop_reason="END")), stop=("END",)).choices[0].stop_string == "END"
    assert _read(_body(_choice(stop_reason=128009)), stop=("END",)).choices[0].stop_string is None


@pytest.mark.parametrize("base", [0, 1000])
def test_log_probabilities_become_means_whether_offsets_count_from_the_prompt_or_not(base):
    logprobs = {"token_logprobs": [-1.0, -3.0, -5.0], "text_offset": [base, base + 3, base + 6]}
    choice = _read(_body(_choice("one\n\n\ntwo", logprobs=logprobs)), logprobs=True).choices[0]
    assert choice.mean_logprob == -3.0
    assert choice.step_logprobs == [-2.0, -5.0]


def test_offsets_are_made_from_the_tokens_where_they_are_missing():
    logprobs = {"token_logprobs": [-1.0, -3.0, -5.0], "tokens": ["one", "\n\n", "two"]}
    choice = _read(_body(_choice("one\n\ntwo", logprobs=logprobs)), logprobs=True).choices[0]
    assert choice.step_logprobs == [-2.0, -5.0]


@pytest.mark.parametrize("value", [None, [], {}, {"token_logprobs": [None, -1.0]}, {"token_logprobs": ["x"]}])
def test_log_probabilities_that_cannot_be_read_are_left_out(value):
    choice = _read(_body(_choice(logprobs=value)), logprobs=True).choices[0]
    assert (choice.mean_logprob, choice.step_logprobs) == (None, None)


def test_log_probabilities_that_were_not_asked_for_are_left_out():
    assert _read(_body(_choice(logprobs={"token_logprobs": [-1.0]}))).choices[0].mean_logprob is None


def test_lone_surrogates_are_replaced():
    body = rb'{"choices": [{"text": "a\ud800b\ud83d\ude00", "finish_reason": "stop"}]}'
    assert _read(body).choices[0].text == "a\ufffdb\U0001f600"


def test_a_filtered_answer_is_terminal():
    with pytest.raises(TerminalError, match="content filter"):
        _read(_body(_choice(finish_reason="content_filter")))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b"{}",
        b'{"choices": []}',
        b'{"choices": {"0": 1}}',
        b'{"choices": [1]}',
        b'{"choices": [{"text": null, "finish_reason": "stop"}]}',
        b'{"choices": [{"text": "x", "finish_reason": null}]}',
        b'{"choices": [{"text": "x", "finish_reason": ["stop"]}]}',
        b'{"choices": [{"text": "x", "finish_reason": "stop"}, {"text": "x", "finish_reason": "stop"}]}',
        b'{"choices": [{"text": "\xff", "finish_reason": "stop"}]}',
        b'{"choices": [{"text": "yes", "finish_re',
        b'{"a":' * 100_000,
        b'"\\ud800' + b"[" * 100_000,
    ],
)
def test_a_reply_of_another_shape_is_malformed(body):
    with pytest.raises(MalformedError):
        _read(body)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
_hostile_choice = st.fixed_dictionaries(
    {"text": st.text() | _json, "finish_reason": st.sampled_from(["stop", "length"]) | _json},
    optional={
        "index": _json,
        "stop_reason": _json,
        "logprobs": _json
        | st.fixed_dictionaries({"token_logprobs": _json, "tokens": _json, "text_offset": st.lists(st.integers())}),
    },
)


@given(st.binary() | st.fixed_dictionaries({"choices": st.lists(_hostile_choice, max_size=3), "usage": _json}))
def test_any_body_gives_a_reply_or_a_known_error(value):
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    try:
        reply = _read(body, n=2, logprobs=True, stop=("a",))
    except (MalformedError, TerminalError):
        return
    assert isinstance(reply, Reply)
    assert all(isinstance(c.text, str) and c.text.encode() is not None for c in reply.choices)


def test_words_from_outside_become_one_printable_line():
    assert printable("a\n\x1b[31mb" + "c" * 500) == "a \ufffd[31mb" + "c" * 291 + "…"
