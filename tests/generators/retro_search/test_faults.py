"""What fails is counted, explained and never accepted; what is owed is asked for again, what was paid for is not."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from catalog.errors import UserError
from generators.meter import Limits
from generators.retro_search.reviser import Reviser
from generators.teachers.protocol import AccountError
from tests.generators.retro_search.conftest import judge, long_trace, opened, run, subject, sum_task
from tests.generators.serving import ROOT, scripted_server, stats
from verifiers.judge import Item
from verifiers.verdict import Judgement


def _outcomes(revisions):
    return {tried.outcome for revision in revisions for point in revision.points for tried in point.rollouts}


async def _no_workers(items):
    return [Judgement("infrastructure", None, "no worker", 0.0, "math", 1) for _ in items]


def test_a_rollout_that_is_cut_off_is_never_accepted(url, subjects, tmp_path):
    found = run(url, tmp_path, subjects, max_tokens=3)
    assert _outcomes(found) == {"cut_off"}
    assert {revision.reason for revision in found} == {"nothing_accepted"}


def test_a_rollout_whose_reasoning_never_ends_is_never_accepted(tmp_path):
    with scripted_server("--mode", "file", "--default", "It goes on.\n\nThe answer is \\boxed{3}.") as url:
        found = run(url, tmp_path, [long_trace(1, 2)])
    assert _outcomes(found) == {"unclosed"}
    assert found[0].trace is None


def test_a_first_step_that_opens_a_thought_whatever_is_banned_is_given_up(tmp_path):
    with scripted_server("--mode", "file", "--default", "wait, no.\n\nSo 3.\n</think>\n\n\\boxed{3}") as url:
        found = run(url, tmp_path, [long_trace(1, 2)], redraws=2)
        assert stats(url)["finished"] == 3 * len(found[0].points)
    assert _outcomes(found) == {"redrawn_out"}


def test_a_first_step_with_a_banned_word_each_time_is_given_up(tmp_path):
    with scripted_server("--mode", "file", "--default", "Now. But no.\n\nSo 3.\n</think>\n\n\\boxed{3}") as url:
        found = run(url, tmp_path, [long_trace(1, 2)], redraws=3)
        assert stats(url)["finished"] == 4 * len(found[0].points)
    assert _outcomes(found) == {"redrawn_out"}


def test_a_step_that_is_empty_is_drawn_anew_for_the_ban_ends_behind_it(tmp_path):
    with scripted_server("--mode", "file", "--default", "\n\nWait, so 3.\n</think>\n\n\\boxed{3}") as url:
        found = run(url, tmp_path, [long_trace(1, 2)], redraws=1)
    assert _outcomes(found) == {"redrawn_out"}


def test_a_trace_of_two_hundred_thousand_tokens_is_refused_and_not_asked_for_further(url, tmp_path):
    long = subject(sum_task(1, 2), "word " * 200_000 + "\n\nWait, so 3.\n\nWait, yes.", "\\boxed{3}")
    (revision,) = run(url, tmp_path, [long])
    assert (revision.reason, revision.ended) == ("nothing_accepted", "refused")
    assert [point.outcome for point in revision.points] == ["refused"]


def test_a_reference_that_does_not_parse_accepts_nothing(url, tmp_path):
    given = long_trace(1, 2)
    broken = replace(given, task=replace(given.task, reference="\\frac{", spec='{"kind": "nonsense"}'))
    found = run(url, tmp_path, [broken])
    assert "bad_reference" in _outcomes(found)
    assert not _outcomes(found) & {"accepted", "correct", "not_shorter"}


def test_a_verifier_without_workers_leaves_the_trace_pending_and_its_rollouts_paid(url, subjects, tmp_path):
    owed = run(url, tmp_path, subjects, judge=_no_workers, mode="close", rollouts=4)
    assert {revision.reason for revision in owed} == {"pending"}
    assert all(revision.cause and revision.trace is None for revision in owed)
    before = stats(url)["finished"]
    found = run(url, tmp_path, subjects, mode="close", rollouts=4)
    again = sum(len(point.rollouts) for revision in found for point in revision.points)
    assert stats(url)["finished"] - before == again - 4 * len(subjects)


def test_a_verdict_of_infrastructure_is_asked_for_once_more(url, subjects, tmp_path):
    calls = []

    async def at_second_call(items: list[Item]) -> list[Judgement]:
        calls.append(items)
        return await (_no_workers(items) if len(calls) % 2 else judge(items))

    found = run(url, tmp_path, subjects[:1], judge=at_second_call)
    assert found[0].reason in ("revised", "nothing_accepted")


def test_a_teacher_that_fails_now_and_then_delays_traces_and_changes_none(url, subjects, tmp_path):
    whole = run(url, tmp_path / "whole", subjects)
    with scripted_server("--mode", "reason", "--faults", "500,cutoff,garbage", "--fault-every", "7") as failing:
        rounds = []
        while not rounds or any(revision.reason == "pending" for revision in rounds[-1]):
            rounds.append(run(failing, tmp_path / "failing", subjects, client={"retries": 0}))
            assert len(rounds) < 60
        assert all(revision.cause for revision in rounds[0] if revision.reason == "pending")
        finished = stats(failing)["finished"]
    assert len(rounds) > 1
    assert [r.trace and r.trace.trace_id for r in rounds[-1]] == [r.trace and r.trace.trace_id for r in whole]
    requests = {c.key for r in whole for point in r.points for t in point.rollouts for c in t.rollout.completions}
    assert finished >= len(requests)


def test_a_budget_of_the_build_that_is_spent_leaves_traces_pending(url, subjects, tmp_path):
    found = run(url, tmp_path, subjects, limits=Limits(tokens=500))
    owed = [revision for revision in found if revision.reason == "pending"]
    assert owed and all("budget of 500 tokens" in revision.cause for revision in owed)


def test_an_account_error_ends_the_call(subjects, tmp_path):
    with scripted_server("--mode", "reason", "--faults", "401") as url, pytest.raises(AccountError):
        run(url, tmp_path, subjects)


def test_a_reviser_without_delimiters_is_told_to_have_some(url, tmp_path):
    async def main():
        async with opened(url, tmp_path) as reviser:
            Reviser(replace(reviser.sampler, thinking=None), reviser.settings)

    with pytest.raises(UserError, match="thinking ="):
        asyncio.run(main())


_REVISE = """
import sys
from pathlib import Path
from tests.generators.retro_search.conftest import long_trace, run
run(sys.argv[1], Path(sys.argv[2]), [long_trace(a, 100 + a) for a in range(30)], client={"concurrency": 4})
"""
IN_FLIGHT = 4


def test_a_revision_killed_at_any_moment_repeats_no_finished_rollout(tmp_path, subjects):
    log = tmp_path / "log"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    kills = []
    with scripted_server("--mode", "reason", "--delay-ms", "10", "--log", str(log)) as url:
        command = [sys.executable, "-c", _REVISE, url, str(tmp_path / "store")]
        while True:
            process = subprocess.Popen(command, cwd=ROOT, env=environment)
            before = log.read_bytes().count(b"\n") if log.exists() else 0
            while process.poll() is None and len(kills) < 4:
                if log.exists() and log.read_bytes().count(b"\n") >= before + 40:
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                    stats(url)  # answered once the server has seen that the connections are gone
                    kills.append(time.monotonic())
                    break
            if process.wait() == 0:
                break
        found = run(url, tmp_path / "store", subjects)
    assert len(kills) >= 2, "it was over before it had been killed"
    answered = [(float(when), body) for when, body in map(str.split, log.read_text().splitlines())]
    on_the_way = set()
    for kill in kills:
        on_the_way.update([i for i, (when, _) in enumerate(answered) if when <= kill][-IN_FLIGHT:])
    later = set()
    for i, (_, body) in reversed(list(enumerate(answered))):
        assert body not in later or i in on_the_way, "a finished request was asked again"
        later.add(body)
    assert any(revision.trace for revision in found)
