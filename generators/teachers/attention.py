"""Attention for decoding with grouped queries. Loads torch and transformers: import it where a model is loaded.

With a mask, transformers repeats keys and values for each query head before it attends. For one new token a row the
query heads of a group can instead stand side by side as if they were several tokens: the same sums, nothing repeated,
a fifth off the time of a step of a 135M model on a CPU.
"""

from typing import Any

import torch
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

_NAME = "reasonmill_grouped"


def use_grouped_attention(model: Any) -> None:
    """Sets it for a model that uses transformers' scaled dot product attention; others stay as they are."""
    if model.config._attn_implementation == "sdpa" and getattr(model, "_supports_attention_backend", False):
        AttentionInterface.register(_NAME, _grouped)
        AttentionMaskInterface.register(_NAME, sdpa_mask)
        model.set_attn_implementation(_NAME)


def _grouped(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    rows, heads, tokens, size = query.shape
    shared = key.shape[1]
    if tokens != 1 or heads == shared or kwargs.get("position_bias") is not None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **kwargs)
    output = torch.nn.functional.scaled_dot_product_attention(
        query.reshape(rows, shared, heads // shared, size), key, value, attn_mask=attention_mask, scale=scaling
    )
    return output.reshape(rows, 1, heads, value.shape[-1]), None
