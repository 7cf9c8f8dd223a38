"""Supervised fine-tuning on the `distill` profile, with TRL: the loss is on the assistant's tokens only."""

import json
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from catalog.errors import UserError
from catalog.ids import canonical_json
from catalog.models import resolve
from catalog.records import Task
from trainers.checkpoints import losses, newest_whole, recorder, write_whole
from trainers.rows import checksum, encode
from trainers.settings import TrainSettings

_UNTRAINED = {"evaluate_tasks", "evaluate_max_tokens", "save_steps"}
"""Settings that have no part in the weights: a training resumes under others."""


@dataclass(frozen=True)
class TrainResult:
    """What a training came to; also `result.json` in its folder."""

    settings: dict[str, Any]
    base: str
    """The model that was trained, with a hash of its files."""
    dataset: str
    """SHA-256 of the training rows."""
    rows: int
    """Rows trained on."""
    rows_cut: int
    """Those of them that were cut to `max_length` tokens."""
    rows_left_out: int
    """Rows whose prompt alone has `max_length` tokens."""
    steps: int
    tokens: int
    """Tokens seen, prompts included, padding not."""
    first_loss: float | None
    last_loss: float | None
    seconds: float
    """Wall time of the run that finished it, evaluation included."""
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

    `out/model` holds the final weights in float32 with the tokenizer, `out/adapter` the LoRA adapter that was merged
    into them, `out/loss.jsonl` the loss of each step, `out/checkpoints` what an interrupted training resumes from. The
    same call continues it, step for step as if it had not been interrupted, and a finished training is not run again.
    Raises UserError where there is nothing to train on, or `out` holds the training of other rows or settings.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # see generators.teachers.embedded; before torch is loaded
    started = time.monotonic()
    _silence_bars()
    digest = checksum(dataset / "train")
    base = _claim(out, settings, digest)
    finished = out / "result.json"
    if finished.exists():
        on_progress(f"this training is finished: {out}")
        return TrainResult(**json.loads(finished.read_text()))
    rows, cut, left_out = _rows(dataset, settings)
    before = _evaluated("before", settings.model, settings, held_out, out, on_progress)
    trainer = make_trainer(rows, settings, out, on_progress)
    resume = newest_whole(out / "checkpoints")
    on_progress(f"training on {len(rows)} rows" + (f", resuming from {resume.name}" if resume else ""))
    trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    _save(trainer, settings, out)
    curve, state = losses(trainer.state), trainer.state
    del trainer  # its memory is wanted by the evaluation
    after = _evaluated("after", str(out / "model"), settings, held_out, out, on_progress)
    result = TrainResult(
        settings=settings.model_dump(mode="json"),
        base=base,
        dataset=digest,
        rows=len(rows),
        rows_cut=cut,
        rows_left_out=left_out,
        steps=state.global_step,
        tokens=int(state.num_input_tokens_seen),
        first_loss=curve[0]["loss"] if curve else None,
        last_loss=curve[-1]["loss"] if curve else None,
        seconds=round(time.monotonic() - started, 1),
        before=before,
        after=after,
    )
    write_whole(finished, json.dumps(asdict(result), indent=2) + "\n")
    return result


def make_trainer(rows: Any, settings: TrainSettings, out: Path, on_progress: Callable[[str], None]) -> Any:
    """Gives TRL's trainer over encoded rows (see trainers.rows); it writes to `out` and reports to nobody else."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, PrinterCallback
    from trl import SFTConfig, SFTTrainer

    path = resolve(settings.model)
    gpu = torch.cuda.is_available()
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32),
        processing_class=AutoTokenizer.from_pretrained(path),
        train_dataset=rows,
        peft_config=_lora(settings),
        callbacks=[recorder(out / "loss.jsonl", on_progress)],
        args=SFTConfig(
            output_dir=str(out / "checkpoints"),
            dataset_kwargs={"skip_prepare_dataset": True},
            learning_rate=settings.learning_rate,
            num_train_epochs=settings.epochs,
            max_steps=settings.max_steps,
            per_device_train_batch_size=settings.batch,
            gradient_accumulation_steps=settings.accumulate,
            max_length=settings.max_length,
            save_steps=settings.save_steps,
            save_total_limit=2,
            logging_steps=1,
            include_num_input_tokens_seen="non_padding",
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
    trainer.remove_callback(PrinterCallback)  # it would print to stdout, which belongs to the command's result
    return trainer


def _silence_bars() -> None:
    """Keeps the libraries' progress bars off the terminal, which `on_progress` speaks to."""
    from datasets import disable_progress_bars
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bars()
    disable_progress_bar()


def _claim(out: Path, settings: TrainSettings, digest: str) -> str:
    """Makes `out` the folder of this training, once and for all; gives the base model with a hash of its files."""
    from generators.teachers.decoder import content_hash

    folder = Path(resolve(settings.model))
    base = f"{settings.model}@{content_hash(folder)}" if folder.is_dir() else settings.model
    identity = {"settings": settings.model_dump(mode="json", exclude=_UNTRAINED), "base": base, "dataset": digest}
    out.mkdir(parents=True, exist_ok=True)
    claim = out / "training.json"
    if not claim.exists():
        write_whole(claim, json.dumps(identity, indent=2) + "\n")
    if canonical_json(json.loads(claim.read_text())) != canonical_json(identity):
        raise UserError(
            f"The folder {out} holds a training of another model, other rows or other settings ({claim.name} says "
            "which): name another folder for this one, or remove that one."
        )
    return base


def _rows(dataset: Path, settings: TrainSettings) -> tuple[Any, int, int]:
    """Gives the encoded rows, how many of them were cut, and how many left out."""
    from datasets import load_from_disk
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(resolve(settings.model))
    if tokenizer.eos_token_id is None:
        raise UserError(f"The tokenizer of {settings.model!r} has no end-of-text token: set eos_token in its files.")
    split = load_from_disk(str(dataset))["train"]
    if len(split) == 0:
        raise UserError(f"{dataset} has no rows to train on: the build verified no trace as correct.")

    def encoded(row: dict[str, Any]) -> dict[str, Any]:
        spans = [(span["start"], span["end"]) for span in row.get("tool_output") or ()]
        ids, cut = encode(tokenizer, row["messages"], settings.format, settings.max_length, spans)
        return {**ids, "cut": cut}

    rows = split.map(encoded, remove_columns=split.column_names, keep_in_memory=True)
    kept = rows.filter(lambda row: bool(row["input_ids"]), keep_in_memory=True)
    if len(kept) == 0:
        raise UserError(f"Each prompt of {dataset} has {settings.max_length} tokens or more: raise train.max_length.")
    return kept.remove_columns("cut"), sum(kept["cut"]), len(rows) - len(kept)


def _lora(settings: TrainSettings) -> Any:
    if settings.lora_rank is None:
        return None
    from peft import LoraConfig

    rank = settings.lora_rank
    return LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")


def _save(trainer: Any, settings: TrainSettings, out: Path) -> None:
    """Writes the model, by rename; of a LoRA training the adapter apart and merged, so that anything can load it."""
    model = trainer.model
    if settings.lora_rank is not None:
        model.save_pretrained(out / "adapter")
        model = model.merge_and_unload()
    staging = out / ".model"
    model.save_pretrained(staging)
    trainer.processing_class.save_pretrained(staging)
    shutil.rmtree(out / "model", ignore_errors=True)
    staging.rename(out / "model")


def _evaluated(
    when: str,
    model: str,
    settings: TrainSettings,
    held_out: Sequence[Task],
    out: Path,
    on_progress: Callable[[str], None],
) -> dict[str, Any] | None:
    """Gives a model's accuracy; the base model's is kept, so that a resumed training does not measure it again."""
    if not held_out:
        return None
    from trainers.evaluate import Accuracy, accuracy

    kept = out / f"accuracy-{when}.json"
    asked = [settings.evaluate_max_tokens, [task.task_id for task in held_out]]
    if when == "before" and kept.exists():
        known = json.loads(kept.read_text())
        if known["asked"] == asked:
            on_progress(f"{when}: {Accuracy(**known['accuracy'])}")
            return dict(known["accuracy"])
    found = accuracy(model, held_out, settings.format, settings.evaluate_max_tokens)
    write_whole(kept, json.dumps({"asked": asked, "accuracy": asdict(found)}) + "\n")
    on_progress(f"{when}: {found}")
    return asdict(found)
