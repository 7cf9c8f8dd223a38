"""What a failed request means: whether to try again, to give the row up, or to call a person."""

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from generators.teachers.protocol import AccountError, TerminalError
from generators.teachers.replies import printable

LONGEST_PAUSE_S = 900.0
"""A Retry-After beyond this is a used-up quota rather than a busy moment: the build pauses."""

_TRANSIENT = frozenset({408, 409, 425, 429})
_ACCOUNT = frozenset({401, 402, 403, 404, 405})
_ACCOUNT_CODES = (
    "insufficient_quota",
    "billing_hard_limit_reached",
    "billing_not_active",
    "account_deactivated",
    "invalid_api_key",
    "model_not_found",
)


class RetryError(Exception):
    """The attempt failed and another may succeed; `pause_s` is how long the teacher asks all to wait, if it does."""

    def __init__(self, reason: str, *, refused: bool = False, pause_s: float | None = None) -> None:
        super().__init__(reason)
        self.refused = refused
        """Whether it was refused for coming too fast."""
        self.pause_s = pause_s


def failure(status: int, headers: Mapping[str, str], body: bytes, who: str, mend: str) -> Exception:
    """Gives the error for an answer of HTTP status other than 200.

    `who` names the teacher and its address, `mend` what to look at where the account or address is at fault. It is a
    RetryError, a TerminalError (this request can never succeed) or an AccountError (none can).
    """
    words, code = _words(body)
    said = f"{status}: {words}" if words else str(status)
    if status in _ACCOUNT or code in _ACCOUNT_CODES:
        return AccountError(f"{who} refuses every request ({said}): {mend}.")
    if 300 <= status < 400:
        target = printable(headers.get("Location", "elsewhere"), 200)
        return AccountError(f"{who} redirects to {target}: put that address into the recipe.")
    if status in _TRANSIENT or status >= 500:
        pause_s = retry_after(headers.get("Retry-After"), time.time()) if status in (429, 503) else None
        if pause_s is not None and pause_s > LONGEST_PAUSE_S:
            return AccountError(f"{who} asks to wait {pause_s / 3600:.1f} h ({said}): run the same command again then.")
        return RetryError(said, refused=status == 429, pause_s=pause_s)
    return TerminalError(f"{who} refuses the request ({said})")


def retry_after(text: str | None, now: float) -> float | None:
    """Gives the seconds that a Retry-After header asks for, written as seconds or as an HTTP date; None if it does not.

    `now` is in seconds since 1970-01-01 UTC.
    """
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - now
        except (ValueError, OverflowError):
            return None
    return max(seconds, 0.0) if seconds < float("inf") else None


def _words(body: bytes) -> tuple[str, str]:
    """Gives the endpoint's own words and its error code, as OpenAI, vLLM or a plain web server would say them."""
    try:
        value: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return printable(body[:2000].decode("utf-8", "replace")), ""
    if isinstance(value, dict):
        error = value.get("error", value)
        if isinstance(error, dict):
            code = error.get("code") or error.get("type")
            return printable(error.get("message") or error.get("detail") or ""), code if isinstance(code, str) else ""
        return printable(error), ""
    return printable(value), ""
