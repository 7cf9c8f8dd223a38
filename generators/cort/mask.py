"""The mask that keeps a trainer from learning to predict the interpreter.

The spans are those recorded when the output was put in, never found again in the text. A token counts as output as
soon as one of its characters does, so that a token across the border (a line break and a fence in one) gives nothing
of the output away.
"""

from collections.abc import Sequence
from typing import Any

from catalog.errors import UserError


def token_mask(offsets: Sequence[tuple[int, int]], spans: Sequence[tuple[int, int]]) -> list[bool]:
    """Gives per token whether it is to be learned.

    `offsets`: the characters of each token, (first, behind last), in order; `spans`: the characters of tool output.
    """
    return [not any(first < end and start < last for start, end in spans) for first, last in offsets]


def tokens_and_mask(
    tokenizer: Any, text: str, spans: Sequence[tuple[int, int]], **options: Any
) -> tuple[list[int], list[bool]]:
    """Gives the ids of a text's tokens, without special ones, and the mask of `token_mask`.

    `options` are the tokenizer's own. Raises UserError for a tokenizer of transformers that cannot tell offsets (a
    slow one).
    """
    if not tokenizer.is_fast:
        raise UserError(f"The tokenizer {tokenizer.name_or_path!r} tells no offsets of tokens: use its fast version.")
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, **options)
    return list(encoded["input_ids"]), token_mask(encoded["offset_mapping"], spans)
