"""What a training leaves behind while it runs, so that it can be killed at any moment: checkpoints and a loss curve."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any


def newest_whole(folder: Path) -> Path | None:
    """Gives the newest whole checkpoint in a folder, None where there is none, and removes the broken ones.

    The trainer's state is written last: a checkpoint without a readable one was killed while it was saved.
    """
    whole: dict[int, Path] = {}
    for path in folder.glob("checkpoint-*"):
        try:
            whole[json.loads((path / "trainer_state.json").read_text())["global_step"]] = path
        except (OSError, ValueError, KeyError, TypeError):
            shutil.rmtree(path, ignore_errors=True)
    return whole[max(whole)] if whole else None


def recorder(curve: Path, on_progress: Callable[[str], None]) -> Any:
    """Gives a callback of transformers' trainer that keeps the loss curve in a file of JSON lines and tells of it.

    A resumed training starts from the curve of its checkpoint, so that no step stands in the file twice.
    """
    from transformers import TrainerCallback

    class Recorder(TrainerCallback):
        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            write_whole(curve, "".join(map(_line, losses(state))))

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
            if logs and "loss" in logs:
                with curve.open("a") as handle:
                    handle.write(_line({**logs, "step": state.global_step}))
                on_progress(f"step {state.global_step} of {state.max_steps}: loss {logs['loss']:.4f}")

    return Recorder()


def losses(state: Any) -> list[dict[str, Any]]:
    """Gives the entries of a trainer's log that tell of a step."""
    return [entry for entry in state.log_history if "loss" in entry]


def write_whole(path: Path, text: str) -> None:
    """Writes a file that appears whole or not at all."""
    staging = path.with_name(f".{path.name}")
    staging.write_text(text)
    os.replace(staging, path)


def _line(entry: dict[str, Any]) -> str:
    return json.dumps(entry, sort_keys=True) + "\n"
