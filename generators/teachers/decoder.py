"""Many continuations computed together: a causal language model, its key-value cache and the loop over them.

Rows come and go at any step. A finished row's place is taken at once, by the last row or by a new one, so that nothing
is computed for rows that are done; all continuations of one prompt share one prefill. Decoder-only models with full or
sliding-window attention; no sharding, no quantisation, no speculation.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog.errors import UserError
from catalog.models import resolve
from generators.teachers.continuation import Continuation
from generators.teachers.drawing import draw
from generators.teachers.protocol import Request, TerminalError

if TYPE_CHECKING:
    import torch

PREFILL_TOKENS = 2048
"""Prompt tokens, padding included, computed in one go; more would only cost memory."""

_HASHED_BLOCKS, _BLOCK = 64, 1 << 20
"""A weights file is known by so many blocks of so many bytes, evenly spread: a few milliseconds for any size."""


@dataclass(slots=True)
class Row:
    """A continuation with its prompt's token ids; `owner` is whoever wants it."""

    prompt: list[int]
    continuation: Continuation
    owner: Any
    fed: int = 0
    """Tokens of prompt and continuation that the cache holds; the next one is yet to be fed."""

    def token(self, index: int) -> int:
        return self.prompt[index] if index < len(self.prompt) else self.continuation.tokens[index - len(self.prompt)]


class Decoder:
    """A loaded model and the rows it is working on. For one thread."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        from generators.teachers.slots import Slots

        self._model = model
        self._tokenizer = tokenizer
        self._device = model.device
        self._ends = _end_tokens(model, tokenizer)
        config = model.config.get_text_config()
        self._context = getattr(config, "max_position_embeddings", None) or 1 << 20
        self._masks: dict[tuple[str, ...], tuple[int, ...]] = {}
        self._vocabulary: list[str] | None = None
        self._slots = Slots(config.num_hidden_layers, self._device)
        self.rows: list[Row] = []

    def rows_of(self, request: Request, owner: Any) -> list[Row]:
        """Gives the `n` rows of a request. Raises TerminalError where its prompt is empty or fills the context."""
        bos = self._tokenizer.bos_token
        doubled = bool(bos) and request.prompt.startswith(bos)
        prompt = self._tokenizer(request.prompt, add_special_tokens=not doubled)["input_ids"]
        if not prompt:
            raise TerminalError("the prompt has no tokens")
        room = self._context - len(prompt)
        if room < 1:
            raise TerminalError(f"the prompt has {len(prompt)} tokens and the model's context is {self._context}")
        limit = min(request.max_tokens, room)
        masked = self._masked(request.banned)
        return [
            Row(prompt, Continuation(request, _row_seed(request.seed, i), limit, self._text, self._ends, masked), owner)
            for i in range(request.n)
        ]

    def admit(self, rows: Sequence[Row]) -> None:
        """Takes rows in; rows of one prompt share its prefill. The last prompt token stays to be fed by `step`."""
        import torch

        groups: dict[tuple[int, ...], list[Row]] = {}
        for row in rows:
            groups.setdefault(tuple(row.prompt[:-1]), []).append(row)
        with torch.inference_mode():
            for prompts in _portions(sorted(groups, key=len)):
                cache = self._prefill(prompts)
                for i, prompt in enumerate(prompts):
                    for row in groups[prompt]:
                        self._slots.add(cache, i, len(prompt))
                        row.fed = len(prompt)
                        self.rows.append(row)

    def step(self) -> list[Row]:
        """Computes one token for every row; gives the rows that are finished by it, which are no longer held."""
        import torch

        with torch.inference_mode():
            ids = torch.tensor([[row.token(row.fed)] for row in self.rows], device=self._device)
            positions = torch.tensor([[row.fed] for row in self.rows], device=self._device)
            mask = self._slots.begin_step()
            logits = self._model(
                input_ids=ids,
                attention_mask=mask,
                position_ids=positions,
                past_key_values=self._slots.cache,
                use_cache=True,
            ).logits[:, -1]
            draws = [row.continuation.next_draw() for row in self.rows]
            wanted = any(row.continuation.request.logprobs for row in self.rows)
            tokens, logprobs = draw(logits.float(), draws, wanted)
        for place, row in enumerate(self.rows):
            row.fed += 1
            taken_back = row.continuation.grow(tokens[place], logprobs[place] if logprobs else 0.0)
            if taken_back:
                row.fed = len(row.prompt) + len(row.continuation.tokens) - 1
                self._slots.keep_first(place, row.fed)
        finished = [row for row in self.rows if row.continuation.finished]
        self.drop(lambda row: row.continuation.finished)
        return finished

    def drop(self, unwanted: Callable[[Row], bool]) -> None:
        """Lets go of rows."""
        for place in range(len(self.rows) - 1, -1, -1):
            if unwanted(self.rows[place]):
                self._slots.remove(place)
                last = self.rows.pop()
                if place < len(self.rows):
                    self.rows[place] = last

    def _prefill(self, prompts: Sequence[tuple[int, ...]]) -> Any:
        """Gives a cache over the prompts, padded on the left."""
        import torch
        from transformers import DynamicCache

        width = max(map(len, prompts))
        cache = DynamicCache()
        if width:
            lengths = torch.tensor([len(prompt) for prompt in prompts])
            mask = torch.arange(width)[None, :] >= width - lengths[:, None]
            ids = torch.tensor([[0] * (width - len(prompt)) + list(prompt) for prompt in prompts])
            self._model(
                input_ids=ids.to(self._device),
                attention_mask=mask.long().to(self._device),
                position_ids=(mask.long().cumsum(-1) - 1).clamp(min=0).to(self._device),
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
        return cache

    def _text(self, tokens: Sequence[int]) -> str:
        text: str = self._tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text

    def _masked(self, banned: tuple[str, ...]) -> tuple[int, ...]:
        """Gives the tokens that hold a banned word by themselves; words of several tokens are found in the text."""
        words = tuple(word for word in banned if word)
        if not words:
            return ()
        if words not in self._masks:
            if self._vocabulary is None:
                self._vocabulary = self._tokenizer.batch_decode(
                    [[i] for i in range(len(self._tokenizer))], clean_up_tokenization_spaces=False
                )
            self._masks[words] = tuple(
                i for i, text in enumerate(self._vocabulary) if i not in self._ends and any(w in text for w in words)
            )
        return self._masks[words]


def load(name: str, threads: int | None) -> tuple[Decoder, str]:
    """Gives the model, ready to compute, and its revision: name and a hash of its files.

    bfloat16 where the processor or GPU computes in it (half the memory and 1.5 times the speed), else float32: without
    such instructions bfloat16 is emulated, some six times slower. Raises UserError where there is no such model.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import cached_file
    from transformers.utils.logging import disable_progress_bar

    from generators.teachers.attention import use_grouped_attention

    disable_progress_bar()  # it would tear the build's own
    if threads is not None:
        torch.set_num_threads(threads)
    path = resolve(name)
    device, dtype = ("cuda", torch.bfloat16) if torch.cuda.is_available() else ("cpu", _cpu_dtype())
    try:
        folder = Path(str(cached_file(path, "config.json"))).parent
        tokenizer = AutoTokenizer.from_pretrained(path)
        model = AutoModelForCausalLM.from_pretrained(path, dtype=dtype).to(device).eval()  # type: ignore[arg-type]
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(
            f"The embedded model {name!r} cannot be loaded ({reason}): name a folder with a transformers model."
        ) from error
    kinds = set(getattr(model.config.get_text_config(), "layer_types", None) or ())
    if kinds - {"full_attention", "sliding_attention"}:
        raise UserError(f"The embedded model {name!r} has layers without a key-value cache: use a vllm teacher for it.")
    use_grouped_attention(model)
    return Decoder(model, tokenizer), f"{name}@{content_hash(folder)}"


def content_hash(folder: Path) -> str:
    """Gives 12 hexadecimal characters that change with a model's configuration, tokenizer or weights."""
    hasher = hashlib.sha256()
    names = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "adapter_config.json")
    files = [folder / name for name in names if (folder / name).exists()]
    for file in [*files, *sorted(folder.glob("*.safetensors")), *sorted(folder.glob("*.bin"))]:
        size = file.stat().st_size
        hasher.update(f"{file.name}\0{size}\0".encode())
        with file.open("rb") as handle:
            for i in range(min(_HASHED_BLOCKS, -(-size // _BLOCK))):
                handle.seek(i * max(_BLOCK, (size - _BLOCK) // max(1, _HASHED_BLOCKS - 1)))
                hasher.update(handle.read(_BLOCK))
    return hasher.hexdigest()[:12]


def _cpu_dtype() -> "torch.dtype":
    import torch

    found = torch.cpu.get_capabilities()
    return torch.bfloat16 if found.get("avx512_bf16") or found.get("amx_bf16") else torch.float32


def _end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    configured = model.generation_config.eos_token_id
    ends = [configured] if isinstance(configured, int) else list(configured or [])
    return frozenset(end for end in (*ends, tokenizer.eos_token_id) if end is not None)


def _row_seed(seed: int, index: int) -> int:
    """Gives the seed of a request's continuation, in [0, 2**63); the first keeps the request's."""
    if index == 0:
        return seed
    hashed = hashlib.blake2b(f"{seed}/{index}".encode(), digest_size=8).digest()
    return int.from_bytes(hashed, "big") >> 1


def _portions(prompts: list[tuple[int, ...]]) -> list[list[tuple[int, ...]]]:
    """Splits prompts, shortest first, so that each portion is at most PREFILL_TOKENS when padded, or one prompt."""
    portions: list[list[tuple[int, ...]]] = []
    for prompt in prompts:
        if portions and (len(portions[-1]) + 1) * max(1, len(prompt)) <= PREFILL_TOKENS:
            portions[-1].append(prompt)
        else:
            portions.append([prompt])
    return portions
