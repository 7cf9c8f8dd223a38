"""Hints placed by detectors and kept by the verifier, against a real server, sandbox and verifier."""

import asyncio
from dataclasses import replace

from catalog.records import Task, Trace
from generators.cort.counts import counts
from generators.cort.detect import COMPUTE, TRUST
from generators.cort.hints import TEXTS
from generators.cort.rft import rft
from generators.cort.search import Judged, Search, prompt, search
from tests.generators.cort.traces import BOXED, answers, task, with_kit
from tests.generators.serving import scripted_server, stats
from verifiers.pool import Pool

PROBLEM = task("What is 4817 * 3929 + 1287 * 4411?", "24602950")
BY_HAND = (
    "I need two products and their sum.\n\n"
    "4817 * 3929: 4800 * 3929 = 18,859,200 and 17 * 3929 = 66,793.\n\n"
    "18,859,200 + 66,793 = 18,925,993.\n\n"
    "1287 * 4411: 1287 * 4400 = 5,662,800 and 1287 * 11 = 14,157, so 5,662,800 + 14,157 = 5,676,957.\n\n"
    "So the sum is 18,925,993 + 5,676,957 = 24,602,950."
)
CODE = "print(4817 * 3929 + 1287 * 4411)\n```\n"


def parent(thinking: str = BY_HAND, answer: str = "\\boxed{24602950}", tokens: int = 200) -> Trace:
    given = ("sampled", 0, thinking, answer, "stop", False, 10, tokens, None, None, "{}", 1, "t", "m", "c1", 0.1)
    return Trace("r1", PROBLEM.task_id, None, *given)


def searched(folder, lines, trace: Trace, correct: bool, problem: Task = PROBLEM, **changes) -> tuple[Search, int]:
    with Pool(workers=1) as pool, scripted_server(*answers(folder, *lines)) as url:

        async def verify(items):
            return await asyncio.to_thread(pool.judge_many, items)

        found = with_kit(
            url,
            folder / "store",
            lambda kit: search(problem, trace, correct, kit, verify),
            **{"positions": 2, **changes},
        )
        return found, stats(url)["requests"]


def test_hand_calculation_is_replaced_by_code_where_that_is_right_and_cheaper(tmp_path) -> None:
    lines = [(TEXTS[COMPUTE], CODE), ("24602950\n```\n", "So it is 24602950.\n" + BOXED % 24602950)]
    found, _ = searched(tmp_path, lines, parent(), True)
    assert found.best is not None
    made = found.best.hinted
    assert (made.trace.parent, made.trace.origin) == ("r1", "cort")
    assert made.trace.thinking.startswith("I need two products and their sum.\n\n" + TEXTS[COMPUTE].strip())
    assert [made.text[h.start : h.end] for h in made.hints] == [TEXTS[COMPUTE]]
    assert [(call.status, call.output) for call in made.calls] == [("ok", "24602950")]
    assert found.tokens_saved > 50
    assert found.tried[0].kept


def test_a_hinted_trace_that_is_wrong_or_costs_more_is_not_kept(tmp_path) -> None:
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    wrong = [(TEXTS[COMPUTE], CODE), ("24602950\n```\n", "So it is 3.\n" + BOXED % 3)]
    found, _ = searched(tmp_path / "a", wrong, parent(), True)
    assert found.best is None
    assert counts([found]).right_to_wrong == 1
    long = [(TEXTS[COMPUTE], CODE), ("24602950\n```\n", "so " * 300 + BOXED % 24602950)]
    assert searched(tmp_path / "b", long, parent(), True)[0].best is None


def test_a_wrong_trace_is_rescued_also_where_that_costs_more(tmp_path) -> None:
    lines = [(TEXTS[COMPUTE], CODE), ("24602950\n```\n", "so " * 300 + BOXED % 24602950)]
    found, _ = searched(tmp_path, lines, parent(answer="\\boxed{5}"), False)
    assert found.best is not None
    assert found.tokens_saved < 0


def test_distrust_behind_the_first_hint_gets_a_second_one(tmp_path) -> None:
    doubt = "Wait, let me verify 24602950 by hand again. 4817 * 3929 is 18,925,993. " + "And so on. " * 10
    lines = [
        (TEXTS[COMPUTE], CODE),
        ("24602950\n```\n", doubt + "\n" + BOXED % 24602950),
        (TEXTS[TRUST], "It is 24602950.\n" + BOXED % 24602950),
    ]
    found, _ = searched(tmp_path, lines, parent(tokens=400), True)
    assert [one.position.kind for one in found.tried] == [COMPUTE, TRUST]
    assert found.best is not None
    assert [hint.kind for hint in found.best.hinted.hints] == [COMPUTE, TRUST]
    assert "by hand again" not in found.best.hinted.text
    assert len(found.best.hinted.calls) == 1


def test_controls_are_the_same_continuations_without_the_hint(tmp_path) -> None:
    lines = [
        ("their sum.\n\n", "By hand it is 24602950.\n" + BOXED % 24602950),
        (TEXTS[COMPUTE], CODE),
        ("24602950\n```\n", "So it is 24602950.\n" + BOXED % 24602950),
    ]
    found, _ = searched(tmp_path, lines, parent(), True, controls=True)
    (control,) = found.tried[0].controls
    assert control.judgement.verdict == "correct"
    assert control.hinted.calls == control.hinted.hints == ()
    assert control.hinted.trace.thinking == "I need two products and their sum.\n\nBy hand it is 24602950."
    told = counts([found])
    assert (told.parents, told.improved, told.rescued, told.stayed_right, told.right_to_wrong) == (1, 1, 0, 1, 0)
    assert told.tokens_before - told.tokens_after == found.tokens_saved
    assert (told.tried, told.kept, told.statuses, told.kinds) == (
        {"compute 1": 1},
        {"compute": 1},
        {"ok": 1},
        {"calculation": 1},
    )
    assert (told.hinted.with_code, told.without_hint.with_code, told.without_hint.right) == (1, 0, 1)


def test_a_search_repeated_asks_nothing_and_a_failing_teacher_leaves_it_owed(tmp_path) -> None:
    lines = [(TEXTS[COMPUTE], CODE), ("24602950\n```\n", "So it is 24602950.\n" + BOXED % 24602950)]
    first, asked = searched(tmp_path, lines, parent(), True)
    again, asked_again = searched(tmp_path, lines, parent(), True)
    assert (asked > 0, asked_again) == (True, 0)
    assert again.best is not None
    assert first.best is not None
    assert again.best.hinted == first.best.hinted
    with Pool(workers=1) as pool, scripted_server("--faults", "500", "--fault-every", "1") as url:

        async def verify(items):
            return await asyncio.to_thread(pool.judge_many, items)

        owed = with_kit(url, tmp_path / "other", lambda kit: search(PROBLEM, parent(), True, kit, verify))
    assert owed.owed
    assert owed.best is None


def test_prompted_traces_begin_with_the_forced_words_and_controls_do_not(tmp_path) -> None:
    lines = [("4411?", "Plain.\n" + BOXED % 24602950), (TEXTS["opening"], "By code.\n" + BOXED % 24602950)]
    with Pool(workers=1) as pool, scripted_server(*answers(tmp_path, *lines)) as url:

        async def verify(items):
            return await asyncio.to_thread(pool.judge_many, items)

        made = with_kit(url, tmp_path / "store", lambda kit: prompt(PROBLEM, kit, verify), n=2, controls=True)
    assert [one.hinted.trace.thinking for one in made.traces] == [TEXTS["opening"] + "By code."] * 2
    assert [one.hinted.trace.thinking for one in made.controls] == ["Plain."] * 2
    assert {one.judgement.verdict for one in (*made.traces, *made.controls)} == {"correct"}


def test_the_filter_keeps_right_traces_without_inefficiency_one_a_task_and_balances_levels(tmp_path) -> None:
    lines = [(TEXTS[COMPUTE], CODE), ("24602950\n```\n", "So it is 24602950.\n" + BOXED % 24602950)]
    best = searched(tmp_path, lines, parent(), True)[0].best
    assert best is not None

    def variant(name: str, level: float, *, verdict: str = "correct", thinking: str | None = None, tokens: int = 50):
        trace = replace(
            best.hinted.trace,
            trace_id=name,
            task_id=f"t{name[0]}",
            completion_tokens=tokens,
            thinking=thinking or best.hinted.trace.thinking,
        )
        judged = Judged(replace(best.hinted, trace=trace), replace(best.judgement, verdict=verdict))
        return replace(PROBLEM, task_id=f"t{name[0]}", difficulty=level), judged

    doubt = best.hinted.trace.thinking + " Wait, let me verify 24602950 by hand again."
    rows = [
        variant("a1", 1, tokens=60),
        variant("a2", 1, tokens=50),
        variant("b1", 1, verdict="wrong"),
        variant("c1", 2, thinking=BY_HAND * 3),
        variant("d1", 2, thinking=doubt),
        variant("e1", 3),
        variant("f1", 3),
        variant("g1", 3),
    ]
    done = rft(rows, a_level=2)
    reasons = {reject.row_id: reject.reason for reject in done.rejects}
    full = [name for name, reason in reasons.items() if reason == "difficulty_full"]
    assert len(full) == 1
    assert full[0] in ("e1", "f1", "g1")
    assert {n: r for n, r in reasons.items() if n not in full} == {
        "a1": "costlier_twin",
        "b1": "not_correct",
        "c1": "delays_code",
        "d1": "distrusts_code",
    }
    assert len(done.kept) + len(done.rejects) == len(rows)
    shuffled = rft(rows[::-1], a_level=2)
    assert {r.row_id: r.reason for r in shuffled.rejects} == reasons
