"""Rollouts continue the trace's own bytes, stay on their thought for a step, and are told apart from all others."""

from dataclasses import replace
from itertools import pairwise

import pytest

from generators.retro_search.rollouts import banned_words
from generators.retro_search.segment import BLANK, count_steps, opens_thought
from generators.settings import TRANSITIONS
from generators.teachers.formats import render
from generators.teachers.script import reasoned
from generators.teachers.scripted import ScriptedTeacher
from tests.generators.retro_search.conftest import THINKING, long_trace, run, subject, sum_task


class Heard:
    """A script that keeps the prompts it was given."""

    def __init__(self, answer):
        self.prompts = []
        self._answer = answer

    def __call__(self, prompt, number):
        self.prompts.append(prompt)
        return self._answer(prompt, number)


def _rollouts(revision):
    return [tried.rollout for point in revision.points for tried in point.rollouts]


def test_each_prefix_is_the_trace_byte_for_byte_up_to_the_end_of_a_thought(tmp_path):
    given = subject(sum_task(1, 2), "A é.\n\n\nB \t\n\nWait,  C.\n \nD.\n\nBut 三.", "\\boxed{3}")
    heard = Heard(lambda prompt, number: "no end")
    run(ScriptedTeacher("t", heard), tmp_path, [given])
    base = render("chatml", given.task.prompt, THINKING)
    kept = ["A é.\n\n\nB \t\n\n", "A é.\n\n\nB \t\n\nWait,  C.\n \nD.\n\n"]
    assert heard.prompts == [base + text + more for text in kept for more in ("", "no end\n\n")]


def test_a_prefix_begins_with_the_prefixes_before_it(tmp_path):
    heard = Heard(lambda prompt, number: "still no")
    run(ScriptedTeacher("t", heard), tmp_path, [long_trace(1, 2)], max_switches=5)
    firsts = [prompt for prompt in heard.prompts if not prompt.endswith("still no\n\n")]
    assert len(set(firsts)) == 5
    assert all(later.startswith(earlier) for earlier, later in pairwise(firsts))


def test_close_ends_the_thinking_as_models_end_it(tmp_path):
    heard = Heard(lambda prompt, number: "so \\boxed{1}")
    run(ScriptedTeacher("t", heard), tmp_path, [long_trace(1, 2)], mode="close")
    assert heard.prompts[0].endswith("So the sum is 3.\n</think>\n\n")


def test_an_answer_begun_for_the_reviser_is_judged_and_kept_with_its_beginning(tmp_path):
    heard = Heard(lambda prompt, number: "3}.")
    lead = "The answer is \\boxed{"
    (revision,) = run(ScriptedTeacher("t", heard), tmp_path, [long_trace(1, 2)], mode="close", lead=lead)
    assert heard.prompts[0].endswith(f"So the sum is 3.\n</think>\n\n{lead}")
    assert revision.trace.answer == lead + "3}."


def test_the_first_step_opens_no_other_thought_and_holds_no_keyword(url, subjects, tmp_path):
    firsts = [
        rollout.thinking.split(BLANK)[0]
        for revision in run(url, tmp_path, subjects, rollouts=2)
        for rollout in _rollouts(revision)
        if rollout.problem is None
    ]
    assert len(firsts) > 50
    for first in firsts:
        assert not opens_thought(first, TRANSITIONS)
        assert not any(word in first for word in banned_words(TRANSITIONS))


def test_from_the_second_step_on_other_thoughts_are_free(url, subjects, tmp_path):
    rests = [
        step
        for revision in run(url, tmp_path, subjects, rollouts=2)
        for rollout in _rollouts(revision)
        for step in rollout.thinking.split(BLANK)[1:]
    ]
    assert any(opens_thought(step, TRANSITIONS) for step in rests)


def test_what_a_rollout_cost_and_how_long_it_is_comes_from_its_completions(url, subjects, tmp_path):
    for revision in run(url, tmp_path, subjects):
        for rollout in _rollouts(revision):
            tokens = [completion.completion_tokens for completion in rollout.completions]
            assert rollout.completion_tokens == sum(tokens) <= rollout.spent.completion_tokens
            assert rollout.steps == count_steps(rollout.thinking) + count_steps(rollout.answer)


def test_a_thought_and_answer_in_a_single_step_is_a_whole_rollout(tmp_path):
    heard = Heard(lambda prompt, number: "So 3.</think>\\boxed{3}")
    (revision,) = run(ScriptedTeacher("t", heard), tmp_path, [long_trace(1, 2)])
    assert revision.points[0].outcome == "accepted"
    assert len(heard.prompts) == len(revision.points)


def test_a_limit_on_new_tokens_holds_for_both_parts_together(tmp_path):
    given = long_trace(1, 2)
    heard = Heard(reasoned)
    for revision in run(ScriptedTeacher("t", heard), tmp_path, [given], max_tokens=20, rollouts=8):
        assert all(rollout.completion_tokens <= 20 for rollout in _rollouts(revision))
        assert {rollout.problem for rollout in _rollouts(revision)} >= {None, "cut_off"}


@pytest.mark.parametrize(
    ("keywords", "banned"),
    [
        (("But",), ("But", " but")),
        (("not sure",), ("Not sure", " not sure")),
        (("等等", "另外"), ("等等", "另外")),
        (("Подожди",), ("Подожди", " подожди")),
    ],
)
def test_keywords_are_banned_as_words_and_not_inside_of_others(keywords, banned):
    assert banned_words(keywords) == banned
    assert not any(word in "the distribution contributes" for word in banned)


def test_a_greedy_first_step_is_drawn_once(tmp_path):
    heard = Heard(lambda prompt, number: "wait, no.\n\nSo 3.\n</think>\n\n\\boxed{3}")
    (revision,) = run(ScriptedTeacher("t", heard), tmp_path, [long_trace(1, 2)], temperature=0)
    assert {point.outcome for point in revision.points} == {"redrawn_out"}
    assert len(heard.prompts) == len(revision.points)


def test_tokens_of_a_revision_are_exact_where_the_reviser_sampled_the_trace(url, subjects, tmp_path):
    own = [replace(s, trace=replace(s.trace, revision="m", prompt_tokens=3)) for s in subjects]
    for revision in run(url, tmp_path, own):
        for version in revision.versions[1:]:
            rollout = next(t.rollout for t in revision.points[version.point].rollouts if t.outcome == "accepted")
            assert version.tokens == rollout.prefix_tokens - 3 + rollout.completion_tokens


def test_tokens_of_what_was_kept_go_by_its_characters_where_another_sampled_it(url, subjects, tmp_path):
    for given, revision in zip(subjects, run(url, tmp_path, subjects), strict=True):
        for version in revision.versions[1:2]:
            point = revision.points[version.point]
            rollout = next(t.rollout for t in point.rollouts if t.outcome == "accepted")
            share = point.offset / (len(given.trace.thinking) + len(given.trace.answer))
            assert version.tokens == round(given.trace.completion_tokens * share) + rollout.completion_tokens
