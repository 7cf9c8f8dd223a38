import json
from email.utils import formatdate

import pytest

from generators.teachers.failures import RetryError, failure, retry_after
from generators.teachers.protocol import AccountError, TerminalError


def _failure(status, body=b"", headers=None):
    return failure(status, headers or {}, body, "The teacher 't' at http://x/v1", "check its key in $KEY")


@pytest.mark.parametrize(
    ("status", "kind"),
    [(s, AccountError) for s in (301, 307, 401, 402, 403, 404, 405)]
    + [(s, TerminalError) for s in (400, 410, 413, 422, 451)]
    + [(s, RetryError) for s in (408, 409, 425, 429, 500, 502, 503, 504, 529)],
)
def test_each_status_means_one_thing(status, kind):
    assert type(_failure(status)) is kind


@pytest.mark.parametrize("code", ["insufficient_quota", "billing_hard_limit_reached"])
def test_a_429_for_want_of_funds_is_no_busy_moment(code):
    body = json.dumps({"error": {"message": "You exceeded your current quota", "code": code}}).encode()
    error = _failure(429, body)
    assert isinstance(error, AccountError)
    assert "exceeded your current quota" in str(error)
    assert "$KEY" in str(error)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error": {"message": "too long"}}', "too long"),
        (b'{"object": "error", "message": "too long", "code": 400}', "too long"),
        (b'{"detail": "too long"}', "too long"),
        (b'{"error": "too long"}', "too long"),
        (b"too\n\x1blong", "too \ufffdlong"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"[1]", "[1]"),
    ],
)
def test_the_endpoints_own_words_are_passed_on_made_printable(body, words):
    assert words in str(_failure(400, body))


def test_words_are_capped():
    assert len(str(_failure(400, b"x" * 10**6))) < 400


def test_a_redirect_names_its_target():
    assert "https://y/v1: put that address" in str(_failure(308, headers={"Location": "https://y/v1"}))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3", 3.0),
        ("0.5", 0.5),
        ("-1", 0.0),
        (formatdate(1_800_000_060, usegmt=True), 60.0),
        (formatdate(1_700_000_000, usegmt=True), 0.0),
        ("soon", None),
        ("inf", None),
        ("nan", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(text, seconds):
    assert retry_after(text, 1_800_000_000.0) == seconds


def test_a_very_long_retry_after_pauses_the_build():
    error = _failure(429, headers={"Retry-After": "86400"})
    assert isinstance(error, AccountError)
    assert "24.0 h" in str(error)
