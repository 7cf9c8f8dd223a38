"""A tiny base model and a tiny `distill` profile."""

import pyarrow as pa
import pytest

from catalog.arrow_dataset import SplitWriter, write_dataset_dict
from catalog.profiles.columns import MESSAGES
from tests.tiny_model import save_tiny_model
from trainers.settings import TrainSettings


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    return save_tiny_model(tmp_path_factory.mktemp("base"))


@pytest.fixture
def settings(base):
    return TrainSettings(
        model=str(base), learning_rate=3e-3, max_steps=6, batch=2, max_length=128, save_steps=3, evaluate_max_tokens=8
    )


@pytest.fixture(scope="session")
def dataset(tmp_path_factory):
    return save_dataset(
        tmp_path_factory.mktemp("distill"),
        [(f"What is {i} + {i}?", f"The sum is {2 * i}.\n\n\\boxed{{{2 * i}}}") for i in range(11)],
    )


def save_dataset(folder, chats):
    """Writes a profile with these (user, assistant) texts as its train split, as a build does, and gives the folder."""
    schema = pa.schema([("messages", MESSAGES), ("task_id", pa.string())])
    for split, texts in (("train", chats), ("test", [])):
        writer = SplitWriter(folder / split, split, schema)
        for i, (user, assistant) in enumerate(texts):
            messages = [{"role": "user", "content": user}, {"role": "assistant", "content": assistant}]
            writer.add({"messages": messages, "task_id": f"t{i}"})
        writer.close()
    write_dataset_dict(folder, ("train", "test"))
    return folder
