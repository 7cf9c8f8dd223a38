"""Small tasks and traces for the tests of this floor."""

from catalog import ids
from catalog.records import Task, Trace


def task(
    prompt: str, *, reference: str = "", structure: str | None = None, verifier: str = "math", number: int = 0
) -> Task:
    """Gives a task; `number` tells tasks of equal text apart."""
    return Task(
        task_id=ids.task_id("math", prompt, reference, verifier, str(number)),
        domain="math",
        prompt=prompt,
        reference=reference,
        verifier=verifier,
        spec="{}",
        difficulty=None,
        guess_rate=None,
        structure=structure,
        source="test",
        license="CC0-1.0",
    )


def trace(task_id: str, thinking: str, answer: str) -> Trace:
    """Gives a sampled trace."""
    return Trace(
        trace_id=ids.trace_id("sampled", task_id, None, "c", thinking, answer),
        task_id=task_id,
        parent=None,
        origin="sampled",
        sample=0,
        thinking=thinking,
        answer=answer,
        finish_reason="stop",
        truncated=False,
        prompt_tokens=1,
        completion_tokens=1,
        mean_logprob=None,
        step_logprobs=None,
        params="{}",
        seed=0,
        teacher="t",
        revision="r",
        completion_key="c",
        wall_s=0.0,
    )
