"""What vLLM's CPU build has to be told, so that it computes at a bearable speed and outlives requests with seeds.

Read in vLLM 0.32 and torch 2.13:

- vLLM takes the data type of the weights, bfloat16 as a rule. A processor of the x86 kind without AVX-512 has no
  instructions for 16-bit numbers: a product of matrices (256 x 576 x 1536) took 70 times as long.
- Where a prompt is read in pieces, vLLM draws a token behind each, throws it away and sets the request's random
  generator back (`GPUModelRunner._bookkeeping_sync`). Torch's generators on the CPU have no position to set back ("CPU
  Generator does not use offset"): the engine dies of any prompt with a seed that does not fit into what is left of a
  step. Told to read no prompt in pieces, it lets a prompt wait for a step that it fits into, and lets steps be as long
  as the context.
- Whole blocks of a prompt are found in the prefix cache, and a block has 128 tokens unless told otherwise: with each
  request that continues a trace 64 tokens are read again, as many as a short answer has. Its attention wants
  multiples of 32.
"""

import platform
from collections.abc import Sequence
from pathlib import Path

AVX512 = {"avx512f", "avx512bw", "avx512dq", "avx512vl"}
"""What oneDNN, which multiplies torch's matrices on the CPU, needs for 16-bit numbers."""


def cpu_args(given: Sequence[str], short_numbers: bool) -> list[str]:
    """Gives the arguments to put before those `given` by the user, which win.

    `short_numbers`: whether the processor computes with 16-bit numbers. They belong to no revision: a build that
    goes on on another machine shall find its answers.
    """
    named = {arg.split("=")[0].replace("_", "-") for arg in given}
    found = []
    if not short_numbers and not named & {"--dtype", "--quantization", "-q"}:
        found += ["--dtype", "float32"]
    # A number of tokens a step smaller than the context, and no prompts in pieces: that vLLM refuses to start with.
    if "--max-num-batched-tokens" not in named:
        found.append("--no-enable-chunked-prefill")
    if "--block-size" not in named:
        found += ["--block-size", "32"]
    return found


def has_short_numbers() -> bool:
    """Tells whether this machine's processor computes with 16-bit numbers; where that cannot be known, that it does."""
    cpuinfo = Path("/proc/cpuinfo")
    if platform.machine() != "x86_64" or not cpuinfo.exists():
        return True
    flags = next((line.split() for line in cpuinfo.read_text().splitlines() if line.startswith("flags")), [])
    return set(flags) >= AVX512
