"""What every teacher promises: the same cases against the scripted, the HTTP, the embedded and the vLLM one."""

import asyncio
import json
import os
from dataclasses import replace

import pytest

from generators.teachers import open_teacher
from generators.teachers.protocol import Request, TerminalError
from generators.teachers.script import Script, hashed, read_lines
from generators.teachers.scripted import ScriptedTeacher
from generators.teachers.settings import EmbeddedSettings, OpenAISettings, VllmSettings
from tests.generators.serving import scripted_server

CAPITAL = "Germany: Berlin. Italy: Rome. France:"

vllm = pytest.mark.skipif(
    "REASONMILL_VLLM_PYTHON" not in os.environ, reason="REASONMILL_VLLM_PYTHON names no Python with vLLM"
)
TEACHERS = [
    "scripted",
    "openai",
    pytest.param("embedded", marks=pytest.mark.timeout(300)),
    pytest.param("vllm", marks=[pytest.mark.vllm, vllm, pytest.mark.timeout(900)]),
]


@pytest.fixture(scope="module")
def loop():
    """One event loop for the module, since a teacher belongs to the loop that opened it."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module", params=TEACHERS)
def complete(request, loop, tmp_path_factory):
    """Gives a function that completes requests, together, on one teacher of the kind."""
    base = tmp_path_factory.mktemp("recipe")
    answers = base / "answers.jsonl"
    answers.write_text(json.dumps({"match": CAPITAL, "text": " Paris. Spain: Madrid."}) + "\n")
    opened = _opened(request.param, base, answers)
    teacher = loop.run(opened.__anext__())

    def complete(*requests, cancel_after=None):
        async def main():
            tasks = [asyncio.create_task(teacher.complete(r)) for r in requests]
            if cancel_after is not None:
                await asyncio.sleep(cancel_after)
                for task in tasks:
                    task.cancel()
            return await asyncio.gather(*tasks, return_exceptions=True)

        return loop.run(main())

    complete.teacher = teacher
    yield complete
    loop.run(opened.aclose())


async def _opened(kind, base, answers):
    match kind:
        case "scripted":
            yield ScriptedTeacher("t", Script(read_lines(answers), hashed))
        case "openai":
            with scripted_server("--answers", str(answers), "--mode", "hash") as url:
                settings = OpenAISettings(kind="openai", url=url, model="m", concurrency=8)
                async with open_teacher("t", settings, base) as teacher:
                    yield teacher
        case "embedded":
            async with open_teacher("t", EmbeddedSettings(kind="embedded", batch=8, threads=1), base) as teacher:
                yield teacher
        case "vllm":
            settings = VllmSettings(
                kind="vllm", model="smollm2-135m-instruct", max_model_len=2048, args=("--enforce-eager",)
            )
            async with open_teacher("t", settings, base) as teacher:
                yield teacher


def _only(results):
    (result,) = results
    if isinstance(result, BaseException):
        raise result
    return result


def test_it_says_who_it_is(complete):
    assert complete.teacher.name == "t"
    assert complete.teacher.revision
    assert complete.teacher.concurrency >= 1


def test_a_raw_prefix_is_continued_and_not_repeated(complete):
    reply = _only(complete(Request(CAPITAL, temperature=0, max_tokens=4)))
    assert reply.choices[0].text.startswith(" Paris")
    assert reply.prompt_tokens >= 5


def test_as_many_choices_as_asked_for(complete):
    reply = _only(complete(Request("Once upon a time", n=3, temperature=1.0, max_tokens=6, seed=7)))
    assert len(reply.choices) == 3
    assert len({c.text for c in reply.choices}) > 1


def test_many_long_prompts_with_seeds_are_read_at_once(complete):
    """vLLM's CPU build died of the third: it read prompts in pieces, and threw away what it had drawn with the seed."""
    requests = [Request(f"{i}: " + "a b c d e f g h " * 90, max_tokens=2, temperature=1.0, seed=i) for i in range(5)]
    replies = complete(*requests)
    assert [len(_only([reply]).choices) for reply in replies] == [1] * 5


def test_greedy_choices_are_alike(complete):
    reply = _only(complete(Request("Once upon a time", n=2, temperature=0, max_tokens=4)))
    assert reply.choices[0] == reply.choices[1]


def test_an_answer_cut_off_by_the_limit_says_so(complete):
    choice = _only(complete(Request("Once upon a time", temperature=0, max_tokens=3))).choices[0]
    assert choice.finish_reason == "length"
    assert choice.completion_tokens == 3


def test_a_stop_string_is_cut_and_reported(complete):
    whole = _only(complete(Request(CAPITAL, temperature=0, max_tokens=4))).choices[0].text
    choice = _only(complete(Request(CAPITAL, temperature=0, max_tokens=4, stop=("never", "aris")))).choices[0]
    assert choice.finish_reason == "stop"
    assert choice.text == whole[: whole.index("aris")]
    assert choice.stop_string in ("aris", None)


def test_the_same_request_gives_the_same_texts_and_another_seed_others(complete):
    request = Request("Once upon a time", n=2, temperature=1.0, max_tokens=8, seed=2**63 - 1)
    first, again, other = (_only(complete(r)) for r in (request, request, replace(request, seed=5)))
    assert [c.text for c in first.choices] == [c.text for c in again.choices]
    assert [c.text for c in first.choices] != [c.text for c in other.choices]


def test_banned_words_do_not_occur(complete):
    request = Request(
        "One two three one two three one two", n=3, temperature=1.0, max_tokens=8, banned=(" three", "Wait")
    )
    reply = _only(complete(request))
    assert len(reply.choices) == 3
    assert all(word not in c.text for c in reply.choices for word in request.banned)


def test_log_probabilities_come_when_asked_for(complete):
    choice = _only(complete(Request("Once upon a time", max_tokens=6, seed=1, logprobs=True))).choices[0]
    assert choice.mean_logprob is not None and choice.mean_logprob <= 0
    assert choice.step_logprobs and all(x <= 0 for x in choice.step_logprobs)


def test_log_probabilities_stay_away_when_not_asked_for(complete):
    choice = _only(complete(Request("Once upon a time", max_tokens=3, seed=1))).choices[0]
    assert (choice.mean_logprob, choice.step_logprobs) == (None, None)


def test_concurrent_requests_are_all_answered_each_with_its_own(complete):
    requests = [Request(f"Item {i}:", max_tokens=3, seed=i) for i in range(16)]
    replies = complete(*requests)
    assert [type(r).__name__ for r in replies] == ["Reply"] * 16
    assert all(1 <= c.completion_tokens <= 3 for r in replies for c in r.choices)


def test_a_prompt_beyond_the_context_is_terminal_and_others_go_on(complete):
    long, short = complete(Request("word " * 60_000, max_tokens=4), Request("Once", max_tokens=2))
    assert isinstance(long, TerminalError)
    assert len(short.choices) == 1


def test_cancelled_requests_leave_it_usable(complete):
    cancelled = complete(*(Request(f"Story {i}:", max_tokens=64) for i in range(4)), cancel_after=0)
    assert all(isinstance(r, asyncio.CancelledError) for r in cancelled)
    assert len(_only(complete(Request("Once upon a time", max_tokens=2))).choices) == 1
