import asyncio
import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pytest

from catalog.errors import UserError
from generators.teachers import open_teacher
from generators.teachers.protocol import AccountError, Request, TransientError
from generators.teachers.script import RIGHT, hashed, read_lines, solved
from generators.teachers.scripted import ScriptedTeacher
from generators.teachers.settings import ScriptedSettings
from tests.generators.serving import ask, scripted_server, stats

SAT = 'Solve this: {"n_sat": 3, "k": 4, "clause": "!B!C!D & A!B!D & AB!D"}'


def _complete(teacher, *requests):
    async def main():
        return [await _caught(teacher.complete(r)) for r in requests]

    return asyncio.run(main())


async def _caught(awaitable):
    try:
        return await awaitable
    except Exception as error:
        return error


def test_a_function_can_answer():
    (reply,) = _complete(ScriptedTeacher("t", lambda prompt, number: prompt.upper()), Request("hi"))
    assert reply.choices[0].text == "HI"


def test_faults_befall_the_first_requests_in_order():
    teacher = ScriptedTeacher("t", hashed, ("500", "401", "empty"))
    first, second, third, fourth = _complete(teacher, *[Request("hi")] * 4)
    assert isinstance(first, TransientError)
    assert isinstance(second, AccountError)
    assert third.choices[0].text == ""
    assert fourth.choices[0].text


def test_an_unknown_fault_is_the_users_error():
    with pytest.raises(UserError, match="no fault 'fire'"):
        ScriptedTeacher("t", hashed, ("fire",))


def test_the_first_line_whose_match_occurs_answers(tmp_path):
    answers = tmp_path / "answers.jsonl"
    answers.write_text('{"match": "France", "text": "Paris"}\n\n{"match": "", "text": "Else"}\n')

    async def main():
        settings = ScriptedSettings(kind="scripted", answers="answers.jsonl")
        async with open_teacher("t", settings, tmp_path) as teacher:
            return [(await teacher.complete(Request(p))).choices[0].text for p in ("of France", "of Spain")]

    assert asyncio.run(main()) == ["Paris", "Else"]


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"match": "x"}', '{"match": 1, "text": "x"}', "\ud800".encode("utf-8", "surrogatepass")]
)
def test_an_answers_file_with_a_broken_line_is_named_with_the_line(tmp_path, line):
    path = tmp_path / "answers.jsonl"
    path.write_bytes(b'{"match": "x", "text": "y"}\n' + (line if isinstance(line, bytes) else line.encode()))
    with pytest.raises(UserError, match=r"answers\.jsonl:2"):
        read_lines(path)
    with pytest.raises(UserError, match="cannot be read"):
        read_lines(Path(tmp_path / "none.jsonl"))


def test_sat_prompts_are_answered_rightly_in_the_set_share():
    def right(text):
        bits = re.fullmatch(r".*\\boxed\{([01]{4})\}\.", text, re.S).group(1)
        a, b, c, d = (bit == "1" for bit in bits)
        return (not b or not c or not d) and (a or not b or not d) and (a or b or not d)

    share = sum(right(solved(SAT, number)) for number in range(500)) / 500
    # 12 of the 16 assignments satisfy the formula, so a guess is right more often than not as well.
    assert RIGHT < share < 1


def test_reasoning_is_closed_where_the_prompt_opened_it():
    assert "</think>" in hashed("Hi <think>\n", 1)
    assert "</think>" not in hashed("Hi <think>\n</think>", 1)


def test_the_server_answers_as_the_script_in_this_process_does():
    requests = [
        Request(p, n=2, seed=s, max_tokens=m, logprobs=True)
        for p in (SAT, "Hi")
        for s in (0, 2**63 - 1)
        for m in (5, 50)
    ]
    with scripted_server("--mode", "solve") as url:
        over_http = ask(url, *requests)
    here = _complete(ScriptedTeacher("t", solved), *requests)
    assert [r.choices for r in over_http] == [
        tuple(_told(c, w) for c, w in zip(r.choices, o.choices, strict=True))
        for r, o in zip(here, over_http, strict=True)
    ]


def _told(choice, wire):
    """Per-choice counts are shared out by length over HTTP, so only those may differ."""
    return replace(choice, completion_tokens=wire.completion_tokens)


def test_the_log_tells_each_finished_request_once(tmp_path):
    log = tmp_path / "log"
    with scripted_server("--faults", "500,reset,cutoff", "--log", str(log)) as url:
        ask(url, *(Request(f"prompt {i}") for i in range(20)))
        counts = stats(url)
    hashes = [line.split()[1] for line in log.read_text().splitlines()]
    assert len(hashes) == len(set(hashes)) == 20
    assert all(len(h) == len(hashlib.sha1().hexdigest()) for h in hashes)
    assert counts == {"requests": 23, "finished": 20}


def test_faults_can_come_again_and_again():
    with scripted_server("--faults", "500,garbage", "--fault-every", "3") as url:
        replies = ask(url, *(Request(f"prompt {i}") for i in range(30)), retries=9)
        counts = stats(url)
    assert all(r.choices[0].text for r in replies)
    assert counts["requests"] - counts["finished"] == counts["requests"] // 3


def test_a_delay_does_not_keep_other_requests_waiting():
    with scripted_server("--delay-ms", "200") as url:
        replies = ask(url, *(Request(f"prompt {i}") for i in range(16)), timeout_s=2)
    assert all(r.choices[0].text for r in replies)


def test_an_empty_text_is_an_answer():
    with scripted_server("--faults", "empty") as url:
        (reply,) = ask(url, Request("Hi"))
    assert (reply.choices[0].text, reply.choices[0].completion_tokens) == ("", 0)
