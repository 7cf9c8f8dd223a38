"""Answer accuracy of a model on tasks with references, with the chance level beside it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from catalog.records import Task
from generators.teachers.embedded import open_embedded
from generators.teachers.formats import render
from generators.teachers.protocol import Request, TerminalError
from generators.teachers.settings import EmbeddedSettings
from verifiers.judge import Item
from verifiers.pool import Pool

BATCH = 64
"""Tasks answered together at most."""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How many tasks a model answers rightly, greedily, one answer a task."""

    tasks: int
    judged: int
    """Tasks whose verdict is `correct`, `wrong` or `unparsable`: what failed for other reasons is no wrong answer."""
    correct: int
    chance: float | None
    """Mean guess rate of the judged tasks for which it is known; None where it is known for none."""
    chance_judged: int
    """Judged tasks whose guess rate is known: the chance level speaks of these alone."""
    chance_correct: int
    """Those of them that were answered rightly."""

    @property
    def rate(self) -> float | None:
        """Share of judged tasks that were answered rightly."""
        return self.correct / self.judged if self.judged else None

    def __str__(self) -> str:
        text = f"{self.correct} of {self.judged} held-out tasks right"
        if self.chance is None:
            return f"{text} (chance level unknown)"
        return f"{text}; {self.chance_correct} of the {self.chance_judged} with a known chance level, {self.chance:.0%}"


def accuracy(model: str, tasks: Sequence[Task], format: str, max_tokens: int) -> Accuracy:
    """Answers each task once with the model (a folder or a name that the embedded teacher knows) and judges it.

    The prompt is the task's, rendered by the format (see generators.teachers.formats) as in training. For a thread
    without a running event loop. Raises UserError where the model cannot be loaded.
    """
    texts = asyncio.run(_answers(model, [render(format, task.prompt, None) for task in tasks], max_tokens))
    answered = [(task, text) for task, text in zip(tasks, texts, strict=True) if text is not None]
    with Pool() as pool:
        verdicts = pool.judge_many([Item(task.verifier, text, task.reference, task.spec) for task, text in answered])
    judged = [
        (task, judgement.verdict == "correct")
        for (task, _), judgement in zip(answered, verdicts, strict=True)
        if judgement.verdict in ("correct", "wrong", "unparsable")
    ]
    known = [(task.guess_rate, right) for task, right in judged if task.guess_rate is not None]
    return Accuracy(
        tasks=len(tasks),
        judged=len(judged),
        correct=sum(right for _, right in judged),
        chance=sum(rate for rate, _ in known) / len(known) if known else None,
        chance_judged=len(known),
        chance_correct=sum(right for _, right in known),
    )


async def _answers(model: str, prompts: Sequence[str], max_tokens: int) -> list[str | None]:
    """Gives the answers in order, None for a prompt that does not fit into the model's context."""
    settings = EmbeddedSettings(kind="embedded", model=model, batch=max(1, min(BATCH, len(prompts))))
    async with open_embedded("student", settings) as teacher:

        async def answer(prompt: str) -> str | None:
            try:
                reply = await teacher.complete(Request(prompt, max_tokens=max_tokens, temperature=0.0))
            except TerminalError:
                return None
            return reply.choices[0].text

        return await asyncio.gather(*map(answer, prompts))
