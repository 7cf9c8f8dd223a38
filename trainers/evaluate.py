"""Answer accuracy of a model on tasks with references, with the chance level beside it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from catalog.records import Task
from generators.teachers.embedded import open_embedded
from generators.teachers.formats import render
from generators.teachers.protocol import Request
from generators.teachers.settings import EmbeddedSettings
from verifiers.judge import Item
from verifiers.pool import Pool


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How many tasks a model answers rightly, greedily, one answer a task."""

    tasks: int
    judged: int
    """Tasks whose verdict is `correct`, `wrong` or `unparsable`: what failed for other reasons is no wrong answer."""
    correct: int
    chance: float | None
    """Mean guess rate of the tasks for which it is known; None where it is known for none."""

    @property
    def rate(self) -> float | None:
        """Share of judged tasks that were answered rightly."""
        return self.correct / self.judged if self.judged else None


def accuracy(model: str, tasks: Sequence[Task], format: str, max_tokens: int) -> Accuracy:
    """Answers each task once with the model (a folder or a name that the embedded teacher knows) and judges it."""
    texts = asyncio.run(_answers(model, [render(format, task.prompt, None) for task in tasks], max_tokens))
    items = [Item(task.verifier, text, task.reference, task.spec) for task, text in zip(tasks, texts, strict=True)]
    with Pool() as pool:
        verdicts = [judgement.verdict for judgement in pool.judge_many(items)]
    known = [task.guess_rate for task in tasks if task.guess_rate is not None]
    return Accuracy(
        tasks=len(tasks),
        judged=sum(verdict in ("correct", "wrong", "unparsable") for verdict in verdicts),
        correct=verdicts.count("correct"),
        chance=sum(known) / len(known) if known else None,
    )


async def _answers(model: str, prompts: Sequence[str], max_tokens: int) -> list[str]:
    settings = EmbeddedSettings(kind="embedded", model=model, batch=max(1, min(64, len(prompts))))
    async with open_embedded("student", settings) as teacher:
        replies = await asyncio.gather(
            *(teacher.complete(Request(prompt, max_tokens=max_tokens, temperature=0.0)) for prompt in prompts)
        )
    return [reply.choices[0].text for reply in replies]
