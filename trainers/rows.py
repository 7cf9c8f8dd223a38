"""Training rows: a chat becomes token ids and labels, exactly as the model will meet them when it answers.

The prompt is the text that the teacher format renders, tokenised as the embedded engine does; the answer's tokens
follow it, and the end-of-text token follows them. Labels are -100 on the prompt, so the loss is on the answer and its
end only. The tokenizer's own chat template is not used: SmolLM2's puts a system message before every chat, which no
prompt of a build has.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from catalog.arrow_dataset import sha256
from generators.cort.mask import tokens_and_mask
from generators.teachers.formats import render

IGNORED = -100
"""The label of a token that has no part in the loss, as torch's cross entropy takes it."""


def encode(
    tokenizer: Any,
    messages: Sequence[dict[str, str]],
    format: str,
    max_length: int,
    tool_output: Sequence[tuple[int, int]] = (),
) -> tuple[dict[str, list[int]], bool]:
    """Gives the `input_ids` and `labels` of one chat of a user and an assistant, and whether it was cut.

    `tool_output` are the characters of the assistant's text that a tool wrote, recorded when it wrote them: no token
    that holds one of them is learned. A row of more than `max_length` tokens loses its last ones. Where nothing of the
    answer is left, both are empty.
    """
    user, assistant = messages
    text = render(format, user["content"], None)
    doubled = bool(tokenizer.bos_token) and text.startswith(tokenizer.bos_token)
    prompt = tokenizer(text, add_special_tokens=not doubled)["input_ids"]
    # Chat markup that a model wrote into its answer is text to learn, not an end to learn.
    content = assistant["content"]
    if tool_output:
        answer, learned = tokens_and_mask(tokenizer, content, tool_output, split_special_tokens=True)
    else:
        answer = tokenizer(content, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        learned = [True] * len(answer)
    ids = [*prompt, *answer, tokenizer.eos_token_id]
    targets = [token if wanted else IGNORED for token, wanted in zip(answer, learned, strict=True)]
    labels = [IGNORED] * len(prompt) + targets + [tokenizer.eos_token_id]
    if len(prompt) >= max_length:
        return {"input_ids": [], "labels": []}, True
    return {"input_ids": ids[:max_length], "labels": labels[:max_length]}, len(ids) > max_length


def checksum(split: Path) -> str:
    """Gives a SHA-256 over the Arrow files of a split, in the order of their names."""
    files = sorted(split.glob("*.arrow"))
    return hashlib.sha256("".join(map(sha256, files)).encode()).hexdigest()
