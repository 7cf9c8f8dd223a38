"""One request of a stage: its answer from the journal if it is there, else from the teacher, journalled first."""

import time
from collections.abc import Collection

from catalog.ids import completion_key
from catalog.records import Completion
from generators.sampling import Sampler
from generators.teachers.protocol import Reply, Request


async def ask(
    sampler: Sampler,
    request: Request,
    params: str,
    *,
    task_id: str,
    stage: str,
    sample: int,
    stops_kept: Collection[str],
) -> tuple[Completion, Reply | None]:
    """Gives the completion of a request for one continuation, and the teacher's reply; None where it was journalled.

    `params` is the canonical JSON of all that tells the request from others with its prompt, but for its limit. A stop
    string among `stops_kept` stays at the end of the text, so that its reader knows what ended it. Raises what the
    teacher raises, and BudgetReached before a request that is not paid for any more.
    """
    teacher = sampler.teacher
    key = completion_key(task_id, stage, sample, teacher.revision, request.prompt, params, sampler.seed)
    known = sampler.journal.lookup([key], request.max_tokens).get(key)
    if known is not None:
        return known, None
    async with sampler.slots:
        sampler.meter.check()
        started = time.monotonic()
        reply = await teacher.complete(request)
    choice = reply.choices[0]
    ending = choice.stop_string or ""
    completion = Completion(
        key=key,
        task_id=task_id,
        stage=stage,
        sample=sample,
        teacher=teacher.name,
        revision=teacher.revision,
        params=params,
        seed=request.seed,
        max_tokens=request.max_tokens,
        text=choice.text + (ending if ending in stops_kept else ""),
        finish_reason=choice.finish_reason,
        prompt_tokens=reply.prompt_tokens,
        completion_tokens=choice.completion_tokens,
        mean_logprob=choice.mean_logprob,
        step_logprobs=choice.step_logprobs,
        wall_s=time.monotonic() - started,
        created=time.time(),
    )
    sampler.journal.append([completion])
    sampler.meter.add(reply.prompt_tokens, choice.completion_tokens)
    sampler.progress(0, choice.completion_tokens)
    return completion, reply
