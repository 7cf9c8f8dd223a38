"""The reward R = R_answer + 0.1 R_code."""

from itertools import product

import pytest

from generators.cort.calls import ToolCall
from generators.cort.reward import code_reward, reward


def calls(*statuses: str) -> list[ToolCall]:
    return [ToolCall("x", "an error in words only", status, 1.0, 1, "calculation", 0, 1) for status in statuses]


def test_an_answer_that_needed_no_code_loses_nothing() -> None:
    """The published program fines it, since "all of none" have failed."""
    assert reward("correct", []) == 1.0
    assert reward("wrong", []) == 0.0


def test_only_a_trace_whose_every_run_failed_is_fined() -> None:
    for statuses in product(("ok", "exception", "timeout", "memory", "crash", "output"), repeat=2):
        assert code_reward(calls(*statuses)) == (0.0 if "ok" in statuses else -1.0)
    assert reward("correct", calls("exception")) == pytest.approx(0.9)
    assert reward("wrong", calls("timeout")) == pytest.approx(-0.1)


def test_the_word_error_in_an_output_is_no_failure() -> None:
    assert code_reward(calls("ok")) == 0.0


def test_a_verdict_that_decides_nothing_rewards_nothing() -> None:
    for verdict in ("unparsable", "bad_reference", "timeout", "memory", "crash", "infrastructure"):
        assert reward(verdict, calls("ok")) is None
