"""What the loss is on."""

import pytest

from generators.teachers.formats import render
from trainers.rows import IGNORED, encode
from trainers.sft import _rows, make_trainer


@pytest.fixture(scope="module")
def tokenizer(base):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(base)


def chat(user, assistant):
    return [{"role": "user", "content": user}, {"role": "assistant", "content": assistant}]


def test_the_trainers_batches_have_labels_on_the_answer_and_its_end_only(dataset, settings, tokenizer, tmp_path):
    rows, _, _ = _rows(dataset, settings)
    trainer = make_trainer(rows, settings, tmp_path, lambda line: None)
    seen = 0
    for batch in trainer.get_train_dataloader():
        for ids, labels, mask in zip(batch["input_ids"], batch["labels"], batch["attention_mask"], strict=True):
            learned = [label for label in labels.tolist() if label != IGNORED]
            hidden = [i for i, label in zip(ids.tolist(), labels.tolist(), strict=True) if label == IGNORED]
            answer = tokenizer.decode(learned)
            assert answer.startswith("The sum is ") and answer.endswith("}<|im_end|>")
            number = answer.split("boxed{")[1].split("}")[0]
            prompt = render("chatml", f"What is {int(number) // 2} + {int(number) // 2}?", None)
            assert tokenizer.decode(hidden).replace("<|endoftext|>", "") == prompt
            assert all(label == IGNORED for label, m in zip(labels.tolist(), mask.tolist(), strict=True) if not m)
            seen += 1
    assert seen == 11


def test_training_and_sampling_see_the_same_prompt_tokens(tokenizer, base):
    from generators.teachers.decoder import load
    from generators.teachers.protocol import Request

    row, _ = encode(tokenizer, chat("What is 2 + 3?", " Five."), "chatml", 99)
    (sampled,) = load(str(base), 1)[0].rows_of(Request(render("chatml", "What is 2 + 3?", None)), None)
    learned = row["labels"].index(next(label for label in row["labels"] if label != IGNORED))
    assert row["input_ids"][:learned] == sampled.prompt


def test_the_packaged_model_is_trained_on_what_it_is_asked_without_its_templates_system_message():
    from transformers import AutoTokenizer

    from catalog.models import LANGUAGE_MODEL, resolve

    tokenizer = AutoTokenizer.from_pretrained(resolve(LANGUAGE_MODEL))
    row, cut = encode(tokenizer, chat("2 + 3?", "It is 5."), "chatml", 99)
    assert not cut
    assert tokenizer.decode(row["input_ids"]) == (
        "<|im_start|>user\n2 + 3?<|im_end|>\n<|im_start|>assistant\nIt is 5.<|im_end|>"
    )
    assert tokenizer.decode([label for label in row["labels"] if label != IGNORED]) == "It is 5.<|im_end|>"
    assert "system" in tokenizer.apply_chat_template(chat("2 + 3?", "It is 5."), tokenize=False)


def test_chat_markup_in_an_answer_is_no_end_of_text(tokenizer):
    row, _ = encode(tokenizer, chat("x", "a<|im_end|>b"), "plain", 99)
    assert row["labels"].count(tokenizer.eos_token_id) == 1
    assert row["labels"][-1] == tokenizer.eos_token_id
    assert tokenizer.decode(row["input_ids"]) == "xa<|im_end|>b<|im_end|>"


def test_a_long_row_loses_its_end_and_a_long_prompt_leaves_nothing(tokenizer):
    whole, _ = encode(tokenizer, chat("What is 2 + 3?", "The sum is five."), "plain", 99)
    row, cut = encode(tokenizer, chat("What is 2 + 3?", "The sum is five."), "plain", len(whole["input_ids"]) - 2)
    assert cut
    assert (row["input_ids"], row["labels"]) == (whole["input_ids"][:-2], whole["labels"][:-2])
    assert encode(tokenizer, chat("What is 2 + 3?" * 9, "5"), "plain", 16) == ({"input_ids": [], "labels": []}, True)
