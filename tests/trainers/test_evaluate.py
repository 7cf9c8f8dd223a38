"""Accuracy: what counts, and what it is compared with."""

from catalog.records import Task
from trainers.evaluate import Accuracy, accuracy


def task(prompt, reference="4", guess_rate=None):
    return Task("t" + prompt[:9], "math", prompt, reference, "math", "{}", None, guess_rate, None, "test", "CC0-1.0")


def test_the_packaged_model_is_judged_on_its_greedy_answers():
    prompts = [
        'Say exactly "The answer is \\boxed{4}" and nothing else.',
        'Say exactly "The answer is \\boxed{5}" and nothing else.',
    ]
    found = accuracy("smollm2-135m-instruct", [task(p, guess_rate=0.1) for p in prompts], "chatml", 24)
    assert (found.tasks, found.judged, found.chance, found.chance_judged) == (2, 2, 0.1, 2)
    assert found.correct == found.chance_correct == 1
    assert found.rate == 0.5


def test_a_prompt_beyond_the_context_is_no_wrong_answer(base):
    found = accuracy(str(base), [task("x " * 500, guess_rate=0.5), task("2 + 2?")], "plain", 4)
    assert (found.tasks, found.judged, found.chance) == (2, 1, None)


def test_it_tells_the_chance_level_where_it_is_known():
    assert str(Accuracy(8, 8, 3, 0.25, 4, 2)) == (
        "3 of 8 held-out tasks right; 2 of the 4 with a known chance level, 25%"
    )
    assert str(Accuracy(8, 8, 3, None, 0, 0)) == "3 of 8 held-out tasks right (chance level unknown)"
