"""The client of /v1/completions against a server that fails on order, and against bytes that no honest server sends."""

import asyncio
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from catalog.errors import UserError
from generators.teachers import open_teacher
from generators.teachers.protocol import AccountError, Request, TerminalError, TransientError
from generators.teachers.replies import MAX_BODY
from generators.teachers.settings import OpenAISettings
from tests.generators.serving import ask, client_of, http, raw_server, scripted_server, stats

GOOD = b'{"choices": [{"index": 0, "text": "fine", "finish_reason": "stop"}]}'


@pytest.mark.parametrize("fault", ["500", "502", "503", "504", "429", "reset", "cutoff", "garbage", "blank"])
def test_a_passing_fault_is_retried_unseen(fault):
    with scripted_server("--mode", "hash", "--faults", fault, "--retry-after", "0") as url:
        faulty, good = (ask(url, Request("Hi"))[0] for _ in range(2))
    assert faulty == good


def test_a_request_that_hangs_is_given_up_after_its_time_and_retried():
    with scripted_server("--mode", "hash", "--faults", "hang") as url:
        (reply,) = ask(url, Request("Hi"), timeout_s=0.5)
    assert reply.choices[0].text


def test_retries_are_bounded_and_the_last_failure_is_named():
    with scripted_server("--faults", "500,500,500,garbage") as url:
        (error,) = ask(url, Request("Hi"))
    assert isinstance(error, TransientError)
    assert "failed 4 times, at last with a malformed answer (no JSON" in str(error)


def test_a_refused_connection_is_transient():
    (error,) = ask("http://127.0.0.1:1/v1", Request("Hi"), retries=1)
    assert isinstance(error, TransientError)


def test_retry_after_holds_back_all_requests_of_the_teacher():
    async def main(url):
        async with client_of(url) as client:
            await asyncio.gather(client.complete(Request("a")), return_exceptions=True)
            start = time.monotonic()
            first = asyncio.create_task(client.complete(Request("b")))
            await asyncio.sleep(0.2)  # by now it has been refused
            await client.complete(Request("c"))
            other = time.monotonic() - start
            await first
            return other, client.limiter.limit

    with scripted_server("--mode", "hash", "--faults", "400,429", "--retry-after", "0.6") as url:
        waited, limit = asyncio.run(main(url))
    assert waited >= 0.55
    assert limit == 8


@pytest.mark.parametrize("fault", ["401", "402", "403", "404", "quota"])
def test_what_concerns_every_request_is_an_account_error_at_once(fault):
    with scripted_server("--faults", fault) as url:
        (error,) = ask(url, Request("Hi"), mend="check the key in $MY_KEY")
        assert isinstance(error, AccountError)
        assert "'t'" in str(error) and url in str(error) and "$MY_KEY" in str(error)
        assert stats(url)["requests"] == 1


def test_a_request_the_server_refuses_is_terminal_with_the_servers_words():
    with scripted_server("--faults", "400") as url:
        first, second = ask(url, Request("Hi"))[0], ask(url, Request("Hi"))[0]
    assert isinstance(first, TerminalError)
    assert "400, as ordered" in str(first)
    assert second.choices[0].text == "I do not know."


def test_a_prompt_that_json_cannot_hold_is_terminal():
    (error,) = ask("http://127.0.0.1:1/v1", Request("\ud800"))
    assert isinstance(error, TerminalError)


def test_banned_words_are_redrawn_where_the_endpoint_does_not_know_them():
    with scripted_server("--mode", "hash") as url:
        requests = [Request("Hi", n=4, seed=seed, banned=("Wait",)) for seed in range(4)]
        replies, again = ask(url, *requests), ask(url, *requests)
        asked = stats(url)["requests"]
    assert all("Wait" not in c.text for r in replies for c in r.choices)
    assert replies == again
    assert asked > 8


def test_a_banned_word_that_keeps_coming_is_terminal():
    with scripted_server("--default", "Wait, no.") as url:
        (error,) = ask(url, Request("Hi", banned=("Wait",)))
        asked = stats(url)["requests"]
    assert isinstance(error, TerminalError)
    assert "'Wait'" in str(error)
    assert asked == 9


def test_greedy_choices_are_asked_for_once_and_alike():
    with scripted_server("--mode", "hash") as url:
        (reply,) = ask(url, Request("Hi", n=3, temperature=0))
    assert len(reply.choices) == 3
    assert len({c.text for c in reply.choices}) == 1


def _answered(*answers, **options):
    async def main():
        async with raw_server(lambda i: answers[min(i, len(answers) - 1)]) as url, client_of(url, **options) as client:
            try:
                return await client.complete(Request("Hi"))
            except (TransientError, AccountError, TerminalError) as error:
                return error

    return asyncio.run(main())


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00\xff garbage that is no HTTP at all\r\n\r\n",
        http("200 OK", b'{"choices": []}'),
        http("200 OK", GOOD, "Content-Encoding: gzip")[:-4],
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n" + GOOD,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + GOOD,
        http("429 Slow down", b"", "Retry-After: not a date"),
    ],
)
def test_bytes_that_are_no_answer_are_retried(answer):
    assert _answered(answer, http("200 OK", GOOD)).choices[0].text == "fine"
    assert isinstance(_answered(answer, retries=1), TransientError)


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_without_end_is_not_read_to_its_end(announced):
    body = b" " * (MAX_BODY + 1)
    length = b"Content-Length: %d\r\n" % len(body) if announced else b""
    error = _answered(b"HTTP/1.1 200 OK\r\n%s\r\n" % length + body, retries=0)
    assert isinstance(error, TransientError)
    assert "more than" in str(error)


def test_a_redirect_is_not_followed_with_the_key():
    error = _answered(http("307 Elsewhere", b"", "Location: http://127.0.0.1:1/v1"), api_key="sk-secret")
    assert isinstance(error, AccountError)
    assert "http://127.0.0.1:1/v1" in str(error)


def test_a_key_that_the_endpoint_repeats_is_not_shown():
    body = b'{"error": {"message": "Incorrect API key provided: sk-secret"}}'
    error = _answered(http("401 Unauthorized", body), api_key="sk-secret")
    assert "Incorrect API key provided: ***" in str(error)
    assert "sk-secret" not in str(error)


def test_a_restarted_server_does_not_use_up_the_retries():
    restarts = 0

    async def gate(failed):
        nonlocal restarts
        restarts += 1
        return restarts

    answers = [http("500 Dead", b"")] * 5 + [http("200 OK", GOOD)]
    assert _answered(*answers, retries=0, gate=gate).choices[0].text == "fine"


@asynccontextmanager
async def _opened(**settings):
    async with open_teacher("t", OpenAISettings(kind="openai", model="m", **settings), Path(".")) as teacher:
        yield teacher


def _opening(**settings):
    async def main():
        async with _opened(**settings) as teacher:
            return teacher.revision

    return asyncio.run(main())


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8000/v1", "ftp://x/v1", "http://", "http://x:99999999/v1", "", "http://x/v1?a=b"]
)
def test_a_url_that_cannot_be_one_is_the_users_error(url):
    with pytest.raises(UserError, match="teacher 't'"):
        _opening(url=url)


def test_a_key_variable_that_is_not_set_is_the_users_error(monkeypatch):
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    with pytest.raises(UserError, match=r"\$NO_SUCH_KEY"):
        _opening(url="http://127.0.0.1:1/v1", api_key_env="NO_SUCH_KEY")


def test_the_revision_names_model_and_weights():
    assert _opening(url="http://127.0.0.1:1/v1", revision="2026-01") == "m@2026-01"
