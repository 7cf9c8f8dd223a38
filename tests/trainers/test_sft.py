"""A training: it learns, it can be killed at any moment, and it says what it did."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from catalog.errors import UserError
from catalog.ids import task_id
from catalog.records import Task
from tests.trainers.conftest import save_dataset
from trainers.checkpoints import newest_whole
from trainers.sft import train

ROOT = Path(__file__).resolve().parent.parent.parent


def held_out():
    return [
        Task(
            task_id("math", f"What is {i} + {i}?", str(2 * i), "math", "{}"),
            "math",
            f"What is {i} + {i}?",
            str(2 * i),
            "math",
            "{}",
            None,
            0.25 if i % 2 else None,
            None,
            "test",
            "CC0-1.0",
        )
        for i in range(4)
    ]


def curve(out):
    return [json.loads(line) for line in (out / "loss.jsonl").read_text().splitlines()]


def weights(out):
    from safetensors.torch import load_file

    return load_file(out / "model" / "model.safetensors")


def test_a_training_learns_its_rows_and_says_what_it_did(dataset, settings, tmp_path, capsys):
    longer = settings.model_copy(update={"max_steps": 40})
    lines = []
    result = train(dataset, longer, tmp_path / "out", held_out=held_out(), on_progress=lines.append)
    assert (result.steps, result.rows, result.rows_cut, result.rows_left_out) == (40, 11, 0, 0)
    assert result.last_loss < result.first_loss / 2
    assert [entry["step"] for entry in curve(tmp_path / "out")] == list(range(1, 41))
    assert result.tokens > 40 * 2 * 20
    for accuracy in (result.before, result.after):
        assert (accuracy["tasks"], accuracy["judged"]) == (4, 4)
        assert (accuracy["chance"], accuracy["chance_judged"]) == (0.25, 2)
    assert json.loads((tmp_path / "out" / "result.json").read_text())["dataset"] == result.dataset
    assert any("step 40 of 40" in line for line in lines)
    assert capsys.readouterr().out == ""  # stdout is the command's
    again = train(dataset, longer, tmp_path / "out", held_out=held_out(), on_progress=lines.append)
    assert again == result


def test_a_lora_student_is_its_base_with_the_adapter_merged_in(dataset, settings, base, tmp_path):
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    lora = settings.model_copy(update={"lora_rank": 4})
    train(dataset, lora, tmp_path, held_out=[], on_progress=lambda line: None)
    ids = torch.tensor([[5, 9, 33, 70]])
    with torch.no_grad():
        merged = AutoModelForCausalLM.from_pretrained(tmp_path / "model")(ids).logits
        bare = AutoModelForCausalLM.from_pretrained(base)
        before = bare(ids).logits
        adapted = PeftModel.from_pretrained(bare, tmp_path / "adapter")(ids).logits
    torch.testing.assert_close(merged, adapted, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(merged, before, atol=1e-3)


RUN = """
import sys
from pathlib import Path
from trainers.settings import TrainSettings
from trainers.sft import train
train(Path(sys.argv[1]), TrainSettings.model_validate_json(sys.argv[3]), Path(sys.argv[2]), held_out=[],
      on_progress=lambda line: None)
"""


def test_a_killed_training_goes_on_as_if_it_had_not_been_killed(dataset, settings, tmp_path):
    import torch

    longer = settings.model_copy(update={"max_steps": 60, "save_steps": 5})
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    arguments = [sys.executable, "-c", RUN, str(dataset), str(killed), longer.model_dump_json()]
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not (
            (killed / "loss.jsonl").exists() and len((killed / "loss.jsonl").read_text().splitlines()) >= 12
        ):
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not (killed / "result.json").exists()
    done = len(curve_of_whole_lines(killed))
    resumed_from = int(newest_whole(killed / "checkpoints").name.rpartition("-")[2])
    assert 5 <= resumed_from <= done < 60

    lines = []
    result = train(dataset, longer, killed, held_out=[], on_progress=lines.append)
    reference = train(dataset, longer, whole, held_out=[], on_progress=lambda line: None)
    assert any(f"resuming from checkpoint-{resumed_from}" in line for line in lines)
    assert sum(line.startswith("step ") for line in lines) == 60 - resumed_from
    assert (result.steps, result.tokens) == (60, reference.tokens)
    assert [entry["step"] for entry in curve(killed)] == list(range(1, 61))
    assert [entry["loss"] for entry in curve(killed)] == [entry["loss"] for entry in curve(whole)]
    for name, tensor in weights(whole).items():
        torch.testing.assert_close(weights(killed)[name], tensor, atol=0, rtol=0)


def curve_of_whole_lines(out):
    return [line for line in (out / "loss.jsonl").read_text().splitlines() if line.endswith("}")]


def test_a_training_killed_after_its_last_step_trains_no_more(dataset, settings, tmp_path):
    first = train(dataset, settings, tmp_path, held_out=[], on_progress=lambda line: None)
    trained = weights(tmp_path)
    (tmp_path / "result.json").unlink()
    again = train(dataset, settings, tmp_path, held_out=[], on_progress=lambda line: None)
    assert (again.steps, again.last_loss) == (first.steps, first.last_loss)
    assert all(bool((weights(tmp_path)[name] == tensor).all()) for name, tensor in trained.items())


def test_a_checkpoint_killed_while_it_was_saved_is_not_resumed_from(tmp_path):
    for step, state in ((3, '{"global_step": 3}'), (6, '{"global_st'), (9, None)):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        if state is not None:
            (folder / "trainer_state.json").write_text(state)
    assert newest_whole(tmp_path) == tmp_path / "checkpoint-3"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-3"]


def test_an_empty_train_split_is_the_users_error(settings, tmp_path):
    empty = save_dataset(tmp_path / "distill", [])
    with pytest.raises(UserError, match="no rows to train on"):
        train(empty, settings, tmp_path / "out", held_out=[], on_progress=lambda line: None)


def test_prompts_that_leave_no_room_are_the_users_error(settings, tmp_path):
    long = save_dataset(tmp_path / "distill", [("sum " * 200, "5")])
    with pytest.raises(UserError, match=r"raise train\.max_length"):
        train(long, settings, tmp_path / "out", held_out=[], on_progress=lambda line: None)


def test_a_folder_is_not_shared_by_two_trainings(dataset, settings, tmp_path):
    train(dataset, settings, tmp_path, held_out=[], on_progress=lambda line: None)
    other = settings.model_copy(update={"learning_rate": 1e-4})
    with pytest.raises(UserError, match="another model, other rows or other settings"):
        train(dataset, other, tmp_path, held_out=[], on_progress=lambda line: None)
    evaluated = settings.model_copy(update={"evaluate_tasks": 3, "save_steps": 2})
    train(dataset, evaluated, tmp_path, held_out=[], on_progress=lambda line: None)
