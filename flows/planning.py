"""The verb `plan`: a pilot of a few tasks, and what it foretells of the whole build."""

import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from catalog.records import Task, Trace
from catalog.store import Store, default_store
from flows import driver
from flows.electing import with_references
from flows.loading import load
from flows.progress import shown
from flows.session import open_session
from flows.workbench import open_workbench


@dataclass(frozen=True)
class Interval:
    """A forecast: the expected value and the 95 % interval around it."""

    expected: float
    low: float
    high: float


@dataclass(frozen=True)
class Forecast:
    """What a whole build will use, as far as a pilot tells."""

    build: str
    tasks: int
    samples: int
    pilot_tasks: int
    pilot_seconds: float
    pilot_verdicts: dict[str, int]
    prompt_tokens: Interval
    completion_tokens: Interval
    seconds: Interval
    """At the pilot's pace; a teacher with more in flight is faster."""
    money: Interval


def plan(recipe: str, store: str | None, overrides: tuple[str, ...], *, pilot: int, as_json: bool) -> None:
    """Samples `pilot` tasks, evenly spread over the recipe's; the build takes the answers from the journal."""
    resolved = load(recipe, overrides)
    opened = Store.open(store or default_store())
    with open_session(resolved, opened) as session:
        shards = driver.write_tasks(resolved, session.build)
        total = sum(1 for _ in session.build.iter_rows("tasks"))
        step = max(1, total // pilot)
        tasks = [task for i, task in enumerate(session.build.iter_rows("tasks")) if i % step == 0][:pilot]
        with (
            shown(len(tasks) * resolved.recipe.sample.n, "pilot") as progress,
            open_workbench(resolved, opened, progress, sampling_only=True) as bench,
        ):
            started = time.monotonic()
            sampled = bench.sample(tasks)
            seconds = time.monotonic() - started
            decided = with_references(tasks, sampled.traces, bench.pool.judge_many)
            verdicts = driver.judge(bench, decided, sampled.traces)
        assert shards
    settings = resolved.recipe.teachers[resolved.recipe.sample.teacher]
    prompt, completion = _per_task(tasks, sampled.traces)
    prompts, completions = _forecast(prompt, total), _forecast(completion, total)
    pace = sum(trace.wall_s for trace in sampled.traces) / max(1, len(sampled.traces)) and seconds / max(
        1, sum(completion)
    )
    counts: dict[str, int] = {}
    for verdict in verdicts:
        counts[verdict.verdict] = counts.get(verdict.verdict, 0) + 1
    forecast = Forecast(
        build=f"{resolved.recipe.name}@{resolved.version}",
        tasks=total,
        samples=total * resolved.recipe.sample.n,
        pilot_tasks=len(tasks),
        pilot_seconds=round(seconds, 2),
        pilot_verdicts=counts,
        prompt_tokens=prompts,
        completion_tokens=completions,
        seconds=_scaled(completions, pace),
        money=_sum(_scaled(prompts, settings.price_input / 1e6), _scaled(completions, settings.price_output / 1e6)),
    )
    print(json.dumps(asdict(forecast)) if as_json else _text(forecast))


def _per_task(tasks: Sequence[Task], traces: Sequence[Trace]) -> tuple[list[float], list[float]]:
    """Prompt tokens and completion tokens of each task."""
    prompt = {task.task_id: 0.0 for task in tasks}
    completion = {task.task_id: 0.0 for task in tasks}
    for trace in traces:
        prompt[trace.task_id] = float(trace.prompt_tokens)
        completion[trace.task_id] += trace.completion_tokens
    return list(prompt.values()), list(completion.values())


def _forecast(values: Sequence[float], total: int) -> Interval:
    """Student's t interval of the mean, times the number of tasks."""
    from scipy.stats import t

    n = len(values)
    mean = sum(values) / n
    if n < 2 or n >= total:
        return Interval(mean * total, mean * total, mean * total)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / (n - 1))
    half = float(t.ppf(0.975, n - 1)) * deviation / math.sqrt(n)
    return Interval(mean * total, max(0.0, mean - half) * total, (mean + half) * total)


def _scaled(interval: Interval, factor: float) -> Interval:
    return Interval(interval.expected * factor, interval.low * factor, interval.high * factor)


def _sum(one: Interval, other: Interval) -> Interval:
    return Interval(one.expected + other.expected, one.low + other.low, one.high + other.high)


def _text(forecast: Forecast) -> str:
    def line(name: str, interval: Interval, digits: int = 0) -> str:
        low, high = f"{interval.low:,.{digits}f}", f"{interval.high:,.{digits}f}"
        return f"  {name:<18} {interval.expected:>14,.{digits}f}   (95 %: {low} to {high})"

    verdicts = ", ".join(f"{name} {count}" for name, count in forecast.pilot_verdicts.items())
    lines = [
        f"{forecast.build}: {forecast.tasks:,} tasks, {forecast.samples:,} samples",
        f"pilot: {forecast.pilot_tasks} tasks in {forecast.pilot_seconds:,.1f} s ({verdicts})",
        "the whole build, the pilot included:",
        line("prompt tokens", forecast.prompt_tokens),
        line("completion tokens", forecast.completion_tokens),
        line("seconds", forecast.seconds) + "  at the pilot's pace; a fuller teacher is faster",
    ]
    if forecast.money.high:
        lines.append(line("money", forecast.money, 4))
    return "\n".join(lines)
