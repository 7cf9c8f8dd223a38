"""Finished continuations as traces."""

from dataclasses import dataclass, replace

from catalog.ids import trace_id
from catalog.records import Trace
from generators.cort.calls import Hint, ToolCall
from generators.cort.loop import Continued
from generators.sampling import split_thinking


@dataclass(frozen=True, slots=True)
class Hinted:
    """A trace with the code that ran in it.

    Positions in `calls` and `hints` are characters of the trace's thinking; of its answer, where the teacher does not
    delimit its thinking. `text` is that part.
    """

    trace: Trace
    calls: tuple[ToolCall, ...]
    hints: tuple[Hint, ...]

    @property
    def text(self) -> str:
        return self.trace.thinking or self.trace.answer

    @property
    def output_spans(self) -> list[tuple[int, int]]:
        """Where tool output stands: what `generators.cort.mask` takes."""
        return [(call.start, call.end) for call in self.calls]


def hinted(done: Continued, thinking: tuple[str, str] | None, parent: str | None) -> Hinted:
    """Gives the trace of a continuation; `thinking`: the teacher's delimiters, `parent`: the trace it was cut from."""
    inside, answer, closed = split_thinking(done.text, thinking)
    shift = _shift(done.text, thinking)
    size = len(inside) if thinking else len(answer)
    first, last = done.completions[0], done.completions[-1]
    trace = Trace(
        trace_id=trace_id("cort", done.start.task.task_id, parent, last.key, inside, answer),
        task_id=done.start.task.task_id,
        parent=parent,
        origin="cort",
        sample=done.start.sample,
        thinking=inside,
        answer=answer,
        finish_reason=done.finish_reason,
        truncated=done.finish_reason == "length" or not closed,
        prompt_tokens=max(first.prompt_tokens - done.start.tokens, 0),
        completion_tokens=done.tokens,
        mean_logprob=None,
        step_logprobs=None,
        params=first.params,
        seed=first.seed,
        teacher=last.teacher,
        revision=last.revision,
        completion_key=last.key,
        wall_s=sum(completion.wall_s for completion in done.completions),
    )
    calls = tuple(replace(c, start=_moved(c.start, shift, size), end=_moved(c.end, shift, size)) for c in done.calls)
    hints = tuple(Hint(h.kind, _moved(h.start, shift, size), _moved(h.end, shift, size)) for h in done.start.hints)
    return Hinted(trace, calls, hints)


def _shift(text: str, thinking: tuple[str, str] | None) -> int:
    """Characters that `split_thinking` takes off the front."""
    at = len(text) - len(text.lstrip())
    if thinking and text.startswith(thinking[0], at):
        at += len(thinking[0])
        at += len(text[at:]) - len(text[at:].lstrip())
    return at


def _moved(at: int, shift: int, size: int) -> int:
    return min(max(at - shift, 0), size)
