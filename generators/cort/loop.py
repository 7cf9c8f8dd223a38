"""The loop of one trace: the teacher writes until a code block ends, the code runs, the teacher goes on.

Every trace is on its own: it takes a slot of the teacher for each request and one of the sandbox for each cell, and
waits for no other trace. Answers of the teacher and outputs of the code are both journalled before anything else
happens to them, so that after a kill the same prefix is rendered again and no finished request is repeated.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from catalog.ids import canonical_json
from catalog.records import Completion, Reject, Task
from generators.cort.asking import STAGE, Kit, NotRun, ask, run
from generators.cort.calls import Hint, ToolCall
from generators.cort.fences import STOPS, Block, blocks
from generators.cort.interpreter import Python
from generators.cort.kinds import kind_of
from generators.cort.outputs import block
from generators.meter import BudgetReached
from generators.teachers.protocol import TerminalError, TransientError
from generators.together import together

STRAY = 24
"""Fences that end no code to run, in one trace; behind them the teacher is not stopped at fences any more."""

TOKENS_PER_CHARACTER = 0.3
"""Estimate for text that no teacher has counted yet."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where a trace begins, or goes on from."""

    task: Task
    prompt: str
    """The raw text before the trace, up to and with the opening delimiter of the thinking."""
    text: str = ""
    """The trace so far, verbatim, hints included."""
    calls: tuple[ToolCall, ...] = ()
    """The code that ran in it."""
    hints: tuple[Hint, ...] = ()
    tokens: int = 0
    """Tokens of `text`."""
    sample: int = 0
    """Index among the continuations of this text."""


@dataclass(frozen=True, slots=True)
class Continued:
    """A trace that has come to its end; positions are characters of `text`."""

    start: Start
    text: str
    calls: tuple[ToolCall, ...]
    """All of them, those of the start included."""
    completions: tuple[Completion, ...]
    """The teacher's answers, in order; at least one."""
    finish_reason: str
    """stop or length."""
    unclosed: int
    """Code blocks that the teacher ended its text in, and that were closed for it."""

    @property
    def tokens(self) -> int:
        """Tokens of the whole trace: start, answers and tool output."""
        new = self.calls[len(self.start.calls) :]
        written = sum(completion.completion_tokens for completion in self.completions)
        return self.start.tokens + written + sum(call.tokens for call in new)


Outcome = Continued | Reject | str
"""The trace, its reject, or why it is still owed."""


async def continue_all(starts: Sequence[Start], kit: Kit) -> list[Outcome]:
    """Gives what became of each start, in their order; all run at once, each at its own pace.

    A teacher that fails for now, a budget that is reached and a sandbox that is lost leave a trace owed. AccountError
    and UserError end the call; what was answered by then is journalled.
    """
    return await together(lambda start: _settled(start, kit), starts, max(1, len(starts)))


async def continue_trace(start: Start, kit: Kit) -> Continued:
    """Continues one trace to its end. Raises what a teacher raises, BudgetReached, and NotRun for a lost sandbox."""
    settings = kit.settings
    text, calls, answers = start.text, list(start.calls), list[Completion]()
    safe = max((call.end for call in calls), default=0)  # no block is open before this character
    spent = stray = unclosed = 0
    async with kit.interpreter.python(settings.cell_s, settings.calls) as python:
        while True:
            runs = len(calls) < settings.calls and stray < STRAY and not _closed(text, kit)
            answer = await ask(start, text, settings.max_tokens - spent, STOPS if runs else (), kit)
            if answers and calls and calls[-1].end == len(text):
                calls[-1], spent = _counted(calls[-1], answers[-1], answer, spent)
            answers.append(answer)
            text += answer.text
            spent += answer.completion_tokens
            if answer.finish_reason == "length":
                return Continued(start, text, tuple(calls), tuple(answers), "length", unclosed)
            ended = not runs or not answer.text.endswith(STOPS)
            code = _to_run(text, safe, ended) if runs and not _closed(text, kit) else None
            if code is None and ended:
                return Continued(start, text, tuple(calls), tuple(answers), "stop", unclosed)
            if code is None:
                stray += 1
            else:
                if code.end is None:
                    text += ("" if text.endswith("\n") else "\n") + "`" * code.ticks
                    unclosed += 1
                text = text.rstrip(" \r\n") + "\n"
                call, inserted = await _call(start, text, code, python, calls, kit)
                calls.append(call)
                text += inserted
                safe = len(text)
                spent += call.tokens
            if spent >= settings.max_tokens:
                return Continued(start, text, tuple(calls), tuple(answers), "length", unclosed)


def _to_run(text: str, safe: int, ended: bool) -> Block | None:
    """The block that is to run where a text stops: one that has just closed, or is open at the text's end."""
    last = next(reversed(blocks(text, safe)), None)
    if last is None or not last.runs:
        return None
    if last.end is None:
        return last if ended else None
    # A block with text behind it stood in the start, or a stray fence follows it: it has had its turn.
    return None if text[last.end :].strip() else last


async def _call(
    start: Start, text: str, code: Block, python: Python, calls: list[ToolCall], kit: Kit
) -> tuple[ToolCall, str]:
    """Runs the block that `text` ends with; gives the call and the output block to put behind it."""
    shown, outcome = await run(start, text, code.code, python, calls, kit)
    inserted = block(shown, used_up=len(calls) + 1 == kit.settings.calls)
    call = ToolCall(
        code=code.code,
        output=shown,
        status=outcome.status,
        ms=outcome.ms,
        tokens=round(len(inserted) * TOKENS_PER_CHARACTER) + 1,
        kind=kind_of(text[: code.start], shown if outcome.status == "ok" else ""),
        start=len(text),
        end=len(text) + len(inserted),
        lost=outcome.lost_state,
    )
    return call, inserted


async def _settled(start: Start, kit: Kit) -> Outcome:
    try:
        return await continue_trace(start, kit)
    except (TransientError, BudgetReached, NotRun) as error:
        return str(error)
    except TerminalError as error:
        evidence = {"teacher": kit.sampler.teacher.name, "revision": kit.sampler.teacher.revision}
        row = f"{start.task.task_id}#{STAGE}{start.sample}@{len(start.text)}"
        return Reject(
            row, "sample", STAGE, "refused_by_teacher", str(error)[:500], None, None, canonical_json(evidence)
        )


def _counted(call: ToolCall, before: Completion, after: Completion, spent: int) -> tuple[ToolCall, int]:
    """The call with the tokens that the teacher counted for its output block, and what is spent with it."""
    counted = after.prompt_tokens - before.prompt_tokens - before.completion_tokens
    if before.prompt_tokens <= 0 or counted <= 0:  # a teacher that does not count, or whose counts do not add up
        return call, spent
    return replace(call, tokens=counted), spent + counted - call.tokens


def _closed(text: str, kit: Kit) -> bool:
    return kit.thinking is not None and kit.thinking[1] in text
