"""Drawing a token: the distribution, and what a draw may depend on."""

import collections

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.teachers.drawing import CANDIDATES, Draw, draw


def counts(logits, n=20_000, **how):
    rows = torch.tensor(logits).repeat(n, 1)
    tokens, _ = draw(rows, [Draw(seed=11, position=i, **how) for i in range(n)], False)
    return {token: count / n for token, count in collections.Counter(tokens).items()}


def test_frequencies_are_the_models_probabilities():
    probabilities = [0.5, 0.3, 0.15, 0.05]
    found = counts([torch.tensor(p).log().item() for p in probabilities], temperature=1.0, top_p=1.0)
    assert all(abs(found[i] - p) < 0.015 for i, p in enumerate(probabilities))


def test_top_p_keeps_the_smallest_set_that_reaches_it():
    logits = torch.tensor([0.1, 0.5, 0.4]).log().tolist()
    found = counts(logits, temperature=1.0, top_p=0.85)
    assert set(found) == {1, 2}
    assert abs(found[1] - 5 / 9) < 0.015


def test_a_wide_nucleus_is_drawn_from_whole():
    found = counts([0.0] * (CANDIDATES * 3), n=4000, temperature=1.0, top_p=1.0)
    assert len(found) > CANDIDATES * 2


def test_zero_temperature_takes_the_likeliest_among_sampled_neighbours():
    logits = torch.randn(6, 50, generator=torch.Generator().manual_seed(0))
    draws = [Draw(temperature=float(i % 2), top_p=1.0, seed=i, position=0) for i in range(6)]
    tokens, _ = draw(logits.clone(), draws, False)
    assert tokens[::2] == logits.argmax(-1).tolist()[::2]


def test_forbidden_tokens_are_never_drawn_and_log_probabilities_stay_the_models():
    logits = torch.tensor([[5.0, 1.0, 0.0]])
    tokens, logprobs = draw(logits.clone(), [Draw(0.0, 1.0, 0, 0, forbidden=(0,))], True)
    assert tokens == [1]
    assert abs(logprobs[0] - torch.log_softmax(logits, -1)[0, 1].item()) < 1e-6


@settings(deadline=None, max_examples=40)
@given(st.permutations(range(6)), st.integers(0, 2**63 - 1))
def test_a_draw_does_not_depend_on_the_other_rows(order, seed):
    logits = torch.randn(6, 400, generator=torch.Generator().manual_seed(seed % 1000))
    draws = [Draw((0.0, 0.7, 1.3)[i % 3], 0.9, seed ^ i, i) for i in range(6)]
    together, _ = draw(logits.clone(), draws, False)
    shuffled, _ = draw(logits[list(order)].clone(), [draws[i] for i in order], False)
    assert shuffled == [together[i] for i in order]
    assert draw(logits[:1].clone(), draws[:1], False)[0] == together[:1]
