"""Draws one token a row from a batch of logits, each row under its own temperature, top-p, bans and seed.

A row's draw depends on its own logits and seed alone, never on its neighbours or its place in the batch: the noise of
the Gumbel-max trick is a hash of (row seed, position, token id), not a stream that rows share. Small differences of
the logits (another batch size is another order of summation) therefore change a draw only where two tokens nearly tie.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

CANDIDATES = 256
"""Tokens looked at first; rows whose nucleus is wider are sorted whole, which is some ten times as slow."""


@dataclass(frozen=True, slots=True)
class Draw:
    """How one row is to be drawn."""

    temperature: float
    """0 takes the likeliest token."""
    top_p: float
    seed: int
    """In [0, 2**63)."""
    position: int
    """Index of the draw within the row: the same seed and position give the same noise."""
    forbidden: Sequence[int] = ()
    """Token ids that may not be drawn."""


def draw(logits: "torch.Tensor", draws: Sequence[Draw], logprobs: bool) -> tuple[list[int], list[float] | None]:
    """Gives a token id a row and, if asked, its natural-log probability under the model's own distribution.

    `logits` [rows, vocabulary], float32, is changed in place where tokens are forbidden. The log-probability is the
    model's: before temperature, top-p and bans.
    """
    import torch

    total = torch.logsumexp(logits, -1) if logprobs else None
    raw = logits
    if any(d.forbidden for d in draws):
        raw = logits.clone() if logprobs else logits
        for row, d in enumerate(draws):
            if d.forbidden:
                logits[row, list(d.forbidden)] = -math.inf
    greedy = all(d.temperature == 0 for d in draws)
    tokens: list[int] = logits.argmax(-1).tolist() if greedy else _sample(logits, draws)
    if total is None:
        return tokens, None
    chosen = raw.gather(-1, torch.tensor(tokens, device=raw.device)[:, None])[:, 0]
    return tokens, (chosen - total).tolist()


def _sample(logits: "torch.Tensor", draws: Sequence[Draw]) -> list[int]:
    import torch

    temperatures = torch.tensor([d.temperature or 1.0 for d in draws], device=logits.device)
    vocabulary = logits.shape[-1]
    top, ids = logits.topk(min(CANDIDATES, vocabulary), dim=-1)
    total = torch.logsumexp(logits / temperatures[:, None], -1)
    scores = _host(top / temperatures[:, None] - total[:, None])
    candidates = ids.cpu().numpy()
    tokens = _choose(scores, candidates, draws)
    narrow = np.exp(scores).sum(-1)
    wide = [
        row
        for row, d in enumerate(draws)
        if d.temperature > 0 and candidates.shape[1] < vocabulary and narrow[row] < d.top_p
    ]
    if wide:
        top, ids = logits[wide].sort(-1, descending=True)
        scores = _host(top / temperatures[wide, None] - total[wide, None])
        for row, token in zip(wide, _choose(scores, ids.cpu().numpy(), [draws[row] for row in wide]), strict=True):
            tokens[row] = token
    return tokens


def _host(scores: "torch.Tensor") -> np.ndarray:
    array: np.ndarray = scores.double().cpu().numpy()
    return array


def _choose(scores: np.ndarray, ids: np.ndarray, draws: Sequence[Draw]) -> list[int]:
    """Gives a token a row from candidates in falling order; `scores` are their log-probabilities [rows, candidates]."""
    probabilities = np.exp(scores)
    before = np.cumsum(probabilities, -1) - probabilities
    outside = before >= np.array([d.top_p for d in draws])[:, None]
    outside[:, 0] = False
    noisy = scores + _gumbel(ids, draws)
    greedy = np.array([d.temperature == 0 for d in draws])
    noisy = np.where(greedy[:, None], scores, noisy)
    noisy[outside] = -np.inf
    picked = noisy.argmax(-1)
    return [int(ids[row, column]) for row, column in enumerate(picked)]


def _gumbel(ids: np.ndarray, draws: Sequence[Draw]) -> np.ndarray:
    """Gives standard Gumbel noise [rows, candidates], a hash of seed, position and token id.

    The hash is the finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
    OOPSLA 2014); unsigned 64-bit arithmetic wraps, as it must.
    """
    golden = np.uint64(0x9E3779B97F4A7C15)
    seeds = np.array([d.seed for d in draws], np.uint64)
    positions = np.array([d.position for d in draws], np.uint64)
    row = _mix(_mix(seeds + golden) + (positions + np.uint64(1)) * golden)
    bits = _mix(row[:, None] + (ids.astype(np.uint64) + np.uint64(1)) * golden)
    uniform = ((bits >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53
    noise: np.ndarray = -np.log(-np.log(uniform))
    return noise


def _mix(z: np.ndarray) -> np.ndarray:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
