"""What a recipe says of its teachers."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    format: str = "plain"
    """How a prompt becomes raw text: `plain`, `chatml`, `deepseek` or a text of your own with `{prompt}` in it."""
    thinking: tuple[str, str] | None = None
    """Opening and closing delimiter of the reasoning, e.g. ["<think>", "</think>"]; none for a model without."""
    price_input: float = 0.0
    """Money per million prompt tokens."""
    price_output: float = 0.0
    """Money per million completion tokens."""


class EmbeddedSettings(_Settings):
    """A small model in this process, through transformers."""

    kind: Literal["embedded"]
    model: str = "smollm2-135m-instruct"
    """`smollm2-135m-instruct` (comes with the installation), a local folder, or a Hub id."""
    batch: int = Field(32, ge=1, le=1024)
    """Sequences computed together."""
    threads: int | None = Field(None, ge=1)
    """Torch threads; None leaves torch's choice."""


class OpenAISettings(_Settings):
    """Any OpenAI-compatible endpoint that is already running and offers /v1/completions."""

    kind: Literal["openai"]
    url: str
    """Up to and including the version, e.g. http://127.0.0.1:8000/v1."""
    model: str
    revision: str = ""
    """Names the weights behind the model's name, which the endpoint cannot tell; part of every journal key."""
    api_key_env: str | None = None
    """Environment variable that holds the key; keys never stand in a recipe."""
    concurrency: int = Field(64, ge=1)
    """Requests in flight at most; fewer after 429."""
    timeout_s: float = Field(600.0, gt=0)
    """A request without an answer for so long is retried."""
    retries: int = Field(6, ge=0)
    """Attempts after the first, for transient failures."""


class VllmSettings(_Settings):
    """A vLLM server that the build starts and supervises."""

    kind: Literal["vllm"]
    model: str
    """A local folder, a Hub id, or `smollm2-135m-instruct`."""
    revision: str = ""
    python: str | None = None
    """Interpreter that has vLLM; None is $REASONMILL_VLLM_PYTHON, else the one that runs the build."""
    tensor_parallel: int = Field(1, ge=1)
    data_parallel: int = Field(1, ge=1)
    max_model_len: int | None = Field(None, ge=1)
    prefix_caching: bool = True
    args: tuple[str, ...] = ()
    """Further arguments for the server."""
    concurrency: int = Field(128, ge=1)
    timeout_s: float = Field(600.0, gt=0)
    retries: int = Field(6, ge=0)
    start_timeout_s: float = Field(900.0, gt=0)
    restarts: int = Field(3, ge=0)
    """Restarts of a dead server a build allows itself."""


class ScriptedSettings(_Settings):
    """Answers from a file, with faults on order: for tests and dry runs."""

    kind: Literal["scripted"]
    answers: str | None = None
    """JSONL of {"match", "text"}: the first line whose `match` occurs in the prompt answers it."""
    default: str = "I do not know."
    """The answer where no line matches."""
    faults: tuple[str, ...] = ()
    """Each one failure of the first requests, in order: 429, 500, 401, hang, cutoff, garbage, empty."""
    concurrency: int = Field(64, ge=1)


TeacherSettings = Annotated[
    EmbeddedSettings | OpenAISettings | VllmSettings | ScriptedSettings, Field(discriminator="kind")
]
