"""The verb `train`."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from catalog.errors import UserError
from catalog.ids import digest
from catalog.profiles import split_of
from catalog.store import Build, Store, default_store
from flows.loading import apply_override, explain
from trainers.settings import TrainSettings


def train(
    build: str, store: str | None, method: str | None, out: str | None, overrides: tuple[str, ...], as_json: bool
) -> None:
    """Trains a student on a finished build's dataset, with the [train] section of its recipe and the overrides."""
    found = Store.find(store or default_store()).find_build(build)
    manifest = found.read_manifest()
    if manifest is None or manifest.status != "complete":
        status = manifest.status if manifest else "not begun"
        raise UserError(f"The build {found} is {status}: finish it with `reasonmill build`, then train on it.")
    values = dict(manifest.recipe.get("train") or {})
    if method is not None:
        values["method"] = method
    for override in overrides:
        apply_override(values, override.removeprefix("train."))
    try:
        settings = TrainSettings.model_validate(values)
    except ValidationError as error:
        raise UserError(f"The training's settings: {explain(error, TrainSettings)}") from None
    if "distill" not in manifest.exports:
        raise UserError(f"The build {found} has no `distill` profile: add it to [export] profiles and build again.")
    from trainers.sft import train as train_sft

    student = Path(out) if out else Path(found.path) / "students" / digest(settings.model_dump(mode="json"))[:12]
    result = train_sft(
        Path(found.path) / "dataset" / "distill",
        settings,
        student,
        held_out=_held_out(found, manifest.recipe, settings.evaluate_tasks),
        on_progress=lambda line: print(line, file=sys.stderr, flush=True),
    )
    _tell(student, asdict(result), as_json)


def _held_out(build: Build, recipe: dict[str, Any], most: int) -> list[Any]:
    """Tasks of the test split, evenly spread over the build's order, which is that of the recipe's sections."""
    fraction = recipe["export"]["test_fraction"]
    tasks = [task for task in build.iter_rows("tasks") if split_of(task.task_id, fraction) == "test"]
    step = max(1, len(tasks) // most) if most else 1
    return tasks[::step][:most]


def _tell(student: Path, result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps({"student": str(student), **result}, default=str))
        return
    print(f"student   {student}")
    for name, value in result.items():
        print(f"{name:<24}{value}")
