"""Supervised fine-tuning on the `distill` profile, with TRL: the loss is on the assistant's tokens only."""

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from catalog.errors import UserError
from catalog.models import resolve
from catalog.records import Task
from generators.teachers.formats import render
from trainers.evaluate import accuracy
from trainers.settings import TrainSettings


@dataclass(frozen=True)
class TrainResult:
    """What a training came to; also `result.json` in its folder."""

    settings: dict[str, Any]
    dataset: str
    """Fingerprint of the training rows."""
    rows: int
    steps: int
    first_loss: float | None
    last_loss: float | None
    seconds: float
    """Wall time of the run that finished it."""
    before: dict[str, Any] | None
    """Accuracy of the base model on the held-out tasks (see trainers.evaluate), None where it was not asked for."""
    after: dict[str, Any] | None


def train(
    dataset: Path,
    settings: TrainSettings,
    out: Path,
    *,
    held_out: Sequence[Task],
    on_progress: Callable[[str], None],
) -> TrainResult:
    """Trains on the `train` split of an exported profile and writes the student to `out`.

    `out/model` holds the final weights (adapters merged in), `out/loss.jsonl` the loss curve, `out/checkpoints` what an
    interrupted training resumes from. A finished training is not run again. Raises UserError for an empty split.
    """
    finished = out / "result.json"
    if finished.exists():
        on_progress(f"this training is finished: {out}")
        return TrainResult(**json.loads(finished.read_text()))
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from datasets import load_from_disk

    rows = load_from_disk(str(dataset))["train"]
    if len(rows) == 0:
        raise UserError(f"{dataset} has no rows to train on: the build verified no trace as correct.")
    started = time.monotonic()
    before = _evaluated("before", settings.model, settings, held_out, on_progress)
    trainer = _trainer(rows, settings, out)
    resume = _last_checkpoint(out / "checkpoints")
    on_progress(f"training on {len(rows)} rows" + (f", resuming from {resume.name}" if resume else ""))
    trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    _save(trainer, settings, out)
    curve = [entry for entry in trainer.state.log_history if "loss" in entry]
    (out / "loss.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in curve))
    after = _evaluated("after", str(out / "model"), settings, held_out, on_progress)
    result = TrainResult(
        settings=settings.model_dump(mode="json"),
        dataset=rows._fingerprint,
        rows=len(rows),
        steps=trainer.state.global_step,
        first_loss=curve[0]["loss"] if curve else None,
        last_loss=curve[-1]["loss"] if curve else None,
        seconds=round(time.monotonic() - started, 1),
        before=before,
        after=after,
    )
    staging = out / ".result.json"
    staging.write_text(json.dumps(asdict(result), indent=2) + "\n")
    staging.rename(finished)
    return result


def prompt_and_completion(messages: Sequence[dict[str, str]], format: str, end: str) -> dict[str, str]:
    """Gives one row as TRL's prompt and completion: the loss covers the completion, its end-of-text included."""
    user, assistant = messages
    return {"prompt": render(format, user["content"], None), "completion": assistant["content"] + end}


def _trainer(rows: Any, settings: TrainSettings, out: Path) -> Any:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    path = resolve(settings.model)
    tokenizer = AutoTokenizer.from_pretrained(path)
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    gpu = torch.cuda.is_available()
    pairs = rows.map(
        lambda row: prompt_and_completion(row["messages"], settings.format, tokenizer.eos_token),
        remove_columns=rows.column_names,
        keep_in_memory=True,
    )
    return SFTTrainer(
        model=model,
        processing_class=tokenizer,
        train_dataset=pairs,
        peft_config=_lora(settings),
        args=SFTConfig(
            output_dir=str(out / "checkpoints"),
            learning_rate=settings.learning_rate,
            num_train_epochs=settings.epochs,
            max_steps=settings.max_steps,
            per_device_train_batch_size=settings.batch,
            gradient_accumulation_steps=settings.accumulate,
            max_length=settings.max_length,
            completion_only_loss=True,
            save_steps=settings.save_steps,
            save_total_limit=2,
            logging_steps=1,
            seed=settings.seed,
            data_seed=settings.seed,
            bf16=gpu,
            use_cpu=not gpu,
            gradient_checkpointing=gpu,
            report_to=[],
            disable_tqdm=True,
            dataloader_pin_memory=gpu,
        ),
    )


def _lora(settings: TrainSettings) -> Any:
    if settings.lora_rank is None:
        return None
    from peft import LoraConfig

    rank = settings.lora_rank
    return LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")


def _save(trainer: Any, settings: TrainSettings, out: Path) -> None:
    model = trainer.model
    if settings.lora_rank is not None:
        model = model.merge_and_unload()
    model.save_pretrained(out / "model")
    trainer.processing_class.save_pretrained(out / "model")


def _last_checkpoint(folder: Path) -> Path | None:
    """Gives the newest whole checkpoint; a killed save lacks the trainer's state, which is written last."""
    found = [path for path in folder.glob("checkpoint-*") if (path / "trainer_state.json").exists()]
    return max(found, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def _evaluated(
    when: str, model: str, settings: TrainSettings, held_out: Sequence[Task], on_progress: Callable[[str], None]
) -> dict[str, Any] | None:
    if not held_out:
        return None
    found = accuracy(model, held_out, settings.format, settings.evaluate_max_tokens)
    chance = "unknown" if found.chance is None else f"{found.chance:.3f}"
    on_progress(f"{when}: {found.correct} of {found.judged} held-out tasks right (chance level {chance})")
    return asdict(found)
