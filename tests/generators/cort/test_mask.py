"""The mask of tool output is exact to the token, whatever the tokenizer makes of the border."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.cort.calls import ToolCall, calls_json
from generators.cort.mask import token_mask, tokens_and_mask
from generators.cort.outputs import block
from tests.tiny_model import TEXT


@pytest.fixture(scope="module")
def tokenizer():
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    core.decoder = decoders.ByteLevel()
    # Without a split at spaces, so that tokens reach over the borders of a block.
    corpus = [TEXT, "so it is\n```output\n42\n```\n\nThus 42\n```output\n4\n```\n\n"] * 4
    core.train_from_iterator(
        corpus, trainers.BpeTrainer(vocab_size=600, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    )
    return PreTrainedTokenizerFast(tokenizer_object=core)


@settings(max_examples=60, deadline=None)
@given(before=st.text(max_size=30), output=st.text(max_size=30), after=st.text(max_size=30))
def test_no_learned_token_holds_a_character_of_the_output(tokenizer, before, output, after) -> None:
    inserted = block(output, used_up=False)
    text = before + inserted + after
    ids, learned = tokens_and_mask(tokenizer, text, [(len(before), len(before + inserted))])
    offsets = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    covered = {at for (first, last), keep in zip(offsets, learned, strict=True) if keep for at in range(first, last)}
    assert len(ids) == len(learned)
    assert not covered & set(range(len(before), len(before + inserted)))
    # And no more than the tokens across the border are lost.
    lost = [o for o, keep in zip(offsets, learned, strict=True) if not keep]
    assert all(last > len(before) and first < len(before + inserted) for first, last in lost)


def test_tokens_that_only_touch_a_span_are_learned() -> None:
    assert token_mask([(0, 3), (3, 5), (5, 9)], [(3, 5)]) == [True, False, True]


def test_calls_survive_their_json() -> None:
    calls = (ToolCall("x\n", "é", "ok", 1.5, 3, "calculation", 4, 9, True),)
    assert tuple(ToolCall(**one) for one in json.loads(calls_json(calls))) == calls
