"""Rollouts: what a reviser writes on from a prefix of a trace.

The rendered prefix is the same text, byte for byte, for all rollouts of a switch point, and a beginning of the one of
the next, so that an engine finds it in its prefix cache. No text is changed; what is drawn is judged elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from catalog.records import Completion, Trace
from generators.retro_search.reviser import NOTHING, Place, Reviser, Spent, ask
from generators.retro_search.segment import BLANK, count_steps, opens_thought
from generators.teachers.protocol import TerminalError


@dataclass(frozen=True, slots=True)
class Rollout:
    """One continuation of a prefix."""

    index: int
    thinking: str
    """The reasoning it adds."""
    answer: str
    problem: str | None
    """Why it is not judged: cut_off (by the limit), unclosed (the reasoning never ended), redrawn_out (its first step
    opened another thought each time), refused (by the teacher); None for a rollout that is judged."""
    detail: str
    steps: int
    """Steps of reasoning and answer."""
    prefix_tokens: int
    """Tokens of the prefix."""
    completion_tokens: int
    """Tokens of the rollout itself."""
    spent: Spent
    """All that was asked for it, redraws included."""
    completions: tuple[Completion, ...]
    """What it was read from, in order."""


def banned_words(keywords: Sequence[str]) -> tuple[str, ...]:
    """Gives the texts to ban so that no keyword occurs: as a sentence's first word, and in lower case behind a space.

    Bans are looked for anywhere in the text, also within words: a bare `but` would forbid `distribution`. What begins
    in lower case without a space before it can only stand at the very start, which is looked at afterwards.
    """
    found: dict[str, None] = {}
    for word in map(str.strip, keywords):
        if word.lower() == word.upper():
            found[word] = None
        else:
            found[word[0].upper() + word[1:]] = None
            found[" " + word.lower()] = None
    return tuple(found)


async def stay(place: Place, index: int, reviser: Reviser) -> Rollout:
    """Gives a rollout that stays on the thought: the first step with the keywords banned, all else free.

    Raises TransientError and BudgetReached where it is still owed, AccountError where a person must act.
    """
    settings, closing = reviser.settings, reviser.closing
    stops, banned = (BLANK, *reviser.sampler.settings.stop), banned_words(settings.keywords)
    spent, completions = Spent(), []
    try:
        draws = settings.redraws + 1 if settings.temperature else 1  # a greedy step is the same each time
        for draw in range(draws):
            step, cost = await ask(place, place.prefix, index, ("step", draw), stops, banned, 0, reviser)
            spent += cost
            if _stays(step.text, banned, settings.keywords):
                break
        else:
            return _failed(index, "redrawn_out", f"{draws} draws", spent)
        completions.append(step)
        text = step.text
        if step.finish_reason == "length":
            return read(index, text, completions, spent, closing)
        if not text.endswith(BLANK) and text.partition(closing)[2].strip():
            return read(index, text, completions, spent, closing)  # thought and answer were a single step
        text += "" if text.endswith(BLANK) else BLANK
        if step.completion_tokens >= settings.max_tokens:
            return _failed(index, "cut_off", "", spent)
        free = reviser.sampler.settings.stop
        used = step.completion_tokens
        rest, cost = await ask(place, place.prefix + text, index, ("rest", draw), free, (), used, reviser)
        completions.append(rest)
        return read(index, text + rest.text, completions, spent + cost, closing)
    except TerminalError as error:
        return refused(index, error, spent)


def _stays(step: str, banned: Sequence[str], keywords: Sequence[str]) -> bool:
    """Tells whether a first step stays on its thought; an empty one would only put the switch behind the ban."""
    return bool(step.strip()) and not opens_thought(step, keywords) and not any(word in step for word in banned)


async def answer(place: Place, index: int, reviser: Reviser) -> Rollout:
    """Gives a rollout that writes the answer only, after `closed`. Raises what `stay` does."""
    try:
        stops = reviser.sampler.settings.stop
        found, spent = await ask(place, place.prefix, index, ("close", 0), stops, (), 0, reviser)
    except TerminalError as error:
        return refused(index, error)
    return read(index, reviser.closing + reviser.settings.lead + found.text, [found], spent, reviser.closing)


def sampled_by(reviser: Reviser, trace: Trace) -> Trace | None:
    """Gives a trace that the reviser itself sampled, None for any other: tokens are counted by different tokenizers."""
    own = trace.origin == "sampled" and trace.revision == reviser.sampler.teacher.revision
    return trace if own else None


def tokens_of_prefix(rollout: Rollout, parent: Trace | None, tokens: int, kept: int, characters: int) -> int:
    """Gives the tokens of the reasoning in front of a rollout: `kept` of the `characters` of a text of `tokens` tokens.

    `parent` is the trace that it was kept of, where the reviser itself sampled it: its prompt and the rollout's are
    counted alike then, and the difference is exact. Else it is by proportion.
    """
    if parent is not None:
        return max(0, rollout.prefix_tokens - parent.prompt_tokens)
    return round(tokens * kept / max(1, characters))


def closed(kept: str, reviser: Reviser) -> str:
    """Gives a piece of reasoning ended as models end it, ready for the answer, which begins as the settings say."""
    return f"{kept.rstrip()}\n{reviser.closing}{BLANK}{reviser.settings.lead}"


def read(index: int, text: str, completions: Sequence[Completion], spent: Spent, closing: str) -> Rollout:
    """Gives the rollout that a text, drawn in `completions`, is."""
    thinking, found, after = text.partition(closing)
    problem = None if found else "unclosed"
    if completions[-1].finish_reason == "length":
        problem = "cut_off"
    return Rollout(
        index=index,
        thinking=thinking,
        answer=after.strip(),
        problem=problem,
        detail="",
        steps=count_steps(thinking) + count_steps(after),
        prefix_tokens=completions[0].prompt_tokens,
        completion_tokens=sum(completion.completion_tokens for completion in completions),
        spent=spent,
        completions=tuple(completions),
    )


def refused(index: int, error: TerminalError, spent: Spent = NOTHING) -> Rollout:
    """Gives the rollout that a teacher refused to draw."""
    return _failed(index, "refused", str(error), spent)


def _failed(index: int, problem: str, detail: str, spent: Spent) -> Rollout:
    return Rollout(index, "", "", problem, detail[:500], 0, 0, 0, spent, ())
