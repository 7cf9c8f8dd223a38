"""The stage `hint` on one shard: CoRT's results as a store's records, each subject accounted for."""

import time
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, field

from catalog import ledger
from catalog.ids import canonical_json
from catalog.records import Hint, Hinting, Reject, Reward, StageCount, Task, ToolCall, Trace, Verdict
from catalog.store import Build
from flows.judging import verdict_of
from flows.workbench import Workbench
from generators.cort import calls as cort
from generators.cort.asking import Kit
from generators.cort.counts import counts
from generators.cort.reward import code_reward, reward
from generators.cort.search import Judged, Prompted, Search
from generators.cort.traces import Hinted
from generators.subject import Subject
from verifiers import code
from verifiers.verdict import Judgement

STAGE = "hint"


@dataclass(slots=True)
class HintedShard:
    """What came of a shard's traces and tasks."""

    traces: list[Trace] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    hintings: list[Hinting] = field(default_factory=list)
    tool_calls: list[ToolCall] = field(default_factory=list)
    hints: list[Hint] = field(default_factory=list)
    rewards: list[Reward] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    """One for each subject of which nothing better came; the trace itself stays."""
    counts: list[StageCount] = field(default_factory=list)
    causes: list[str] = field(default_factory=list)

    def take(self, one: Judged) -> None:
        """Adds a hinted trace with all that is kept of it."""
        trace, judged = one.hinted.trace, one.judgement
        self.traces.append(trace)
        self.verdicts.append(verdict_of(trace, judged))
        name, task = trace.trace_id, trace.task_id
        for number, call in enumerate(one.hinted.calls):
            self.tool_calls.append(ToolCall(name, task, number, *astuple(call)))
        self.hints += [Hint(name, task, *astuple(hint)) for hint in one.hinted.hints]
        worth = reward(judged.verdict, one.hinted.calls)
        if worth is not None:
            right, of_code = float(judged.verdict == "correct"), code_reward(one.hinted.calls)
            self.rewards.append(Reward(name, task, right, of_code, worth))


def hint_shard(
    bench: Workbench, shard: int, tasks: Sequence[Task], traces: Sequence[Trace], verdicts: Sequence[Verdict]
) -> HintedShard:
    """Gives hints to a shard's traces, or asks its tasks for code, as the recipe says; tasks of code are left alone."""
    kit = bench.kit
    assert kit is not None
    started = time.monotonic()
    result = HintedShard()
    able = [task for task in tasks if task.verifier != code.NAME]
    pending = subjects = 0
    made: list[Judged] = []
    refused: list[Reject] = []
    if kit.settings.strategy in ("engineered", "both"):
        chosen = subjects_of(tasks, traces, verdicts)
        for subject, search in zip(chosen, bench.hint(chosen), strict=True):
            subjects += 1
            pending += bool(search.owed)
            result.causes += search.owed
            refused += search.rejects
            if not search.owed:
                result.hintings.append(of_search(search, kit))
                if search.best is not None:
                    result.take(search.best)
                else:
                    result.rejects.append(_not_hinted(result.hintings[-1], subject.trace.trace_id))
            made += [one for tried in search.tried for one in (*tried.traces, *tried.controls)]
    if kit.settings.strategy in ("prompt", "both"):
        for task, prompted in zip(able, bench.ask_for_code(able), strict=True):
            subjects += 1
            pending += bool(prompted.owed)
            result.causes += prompted.owed
            refused += prompted.rejects
            if not prompted.owed:
                result.hintings.append(of_prompt(task, prompted, kit))
                for one in prompted.traces:
                    result.take(one)
                if not prompted.traces:
                    result.rejects.append(_not_hinted(result.hintings[-1], task.task_id))
            made += [*prompted.traces, *prompted.controls]
    done = subjects - pending
    result.counts.append(
        ledger.count(
            STAGE,
            shard,
            "hinting",
            rows_in=subjects,
            rows_out=done - len(result.rejects),
            rejects=len(result.rejects),
            pending=pending,
            completion_tokens=sum(one.hinted.trace.completion_tokens for one in made),
            seconds=time.monotonic() - started,
        )
    )
    if made or refused:
        continued = ledger.count(
            STAGE,
            shard,
            "sample",
            rows_in=len(made) + len(refused),
            rows_out=len(made),
            rejects=len(refused),
            seconds=0.0,
        )
        result.counts.append(continued)
        result.rejects += refused
    return result


def subjects_of(tasks: Sequence[Task], traces: Sequence[Trace], verdicts: Sequence[Verdict]) -> list[Subject]:
    """Gives the traces that get hints."""
    by_task = {task.task_id: task for task in tasks}
    by_trace = {verdict.trace_id: verdict for verdict in verdicts}
    all_of_them = [Subject(by_task[trace.task_id], trace, by_trace[trace.trace_id]) for trace in traces]
    return [one for one in all_of_them if able_to_gain(one.task, one.trace, one.verdict)]


def able_to_gain(task: Task, trace: Trace, verdict: Verdict) -> bool:
    """Whether a trace may get hints: whole, verified correct or wrong, and of no task whose answer is a program."""
    return task.verifier != code.NAME and not trace.truncated and verdict.verdict in ("correct", "wrong")


def of_search(search: Search, kit: Kit) -> Hinting:
    """Gives what a search came to as a record."""
    best = search.best.hinted.trace if search.best else None
    if best is not None:
        reason = "improved" if search.was_correct else "rescued"
    else:
        reason = "no_position" if not search.tried else "nothing_better"
    return Hinting(
        subject=search.parent.trace_id,
        task_id=search.parent.task_id,
        parent=search.parent.trace_id,
        strategy="engineered",
        trace_id=best.trace_id if best else None,
        reason=reason,
        tokens_before=search.parent.completion_tokens,
        tokens_after=(best or search.parent).completion_tokens,
        counts=canonical_json(asdict(counts([search]))),
        teacher=kit.sampler.teacher.name,
        revision=kit.sampler.teacher.revision,
    )


def of_prompt(task: Task, prompted: Prompted, kit: Kit) -> Hinting:
    """Gives what asking a task for code came to as a record; it names the shortest right trace."""
    right = [one.hinted.trace for one in prompted.traces if one.judgement.verdict == "correct"]
    best = min(right, key=lambda trace: (trace.completion_tokens, trace.trace_id), default=None)
    return Hinting(
        subject=task.task_id,
        task_id=task.task_id,
        parent=None,
        strategy="prompt",
        trace_id=best.trace_id if best else None,
        reason="prompted" if prompted.traces else "refused",
        tokens_before=None,
        tokens_after=best.completion_tokens if best else None,
        counts=canonical_json(asdict(counts([], [prompted]))),
        teacher=kit.sampler.teacher.name,
        revision=kit.sampler.teacher.revision,
    )


def _not_hinted(of: Hinting, subject: str) -> Reject:
    detail = "the detectors found no place for a hint" if of.reason == "no_position" else "no hinted trace was better"
    return Reject(subject, "hinting", STAGE, of.reason, detail, None, None, canonical_json({"strategy": of.strategy}))


def hinted_traces(build: Build, part: str) -> list[tuple[Task, Judged]]:
    """Gives a shard's hinted traces that are whole and right, with their tasks, read back from the store."""
    tasks = {task.task_id: task for task in build.read("tasks", part)}
    verdicts = {verdict.trace_id: verdict for verdict in build.read("verdicts", part)}
    calls: dict[str, list[ToolCall]] = {}
    for call in build.read("tool_calls", part):
        calls.setdefault(call.trace_id, []).append(call)
    hints: dict[str, list[Hint]] = {}
    for hint in build.read("hints", part):
        hints.setdefault(hint.trace_id, []).append(hint)
    found = []
    for trace in build.read("traces", part):
        if trace.origin != "cort" or trace.truncated or verdicts[trace.trace_id].verdict != "correct":
            continue
        ran = tuple(_call(call) for call in calls.get(trace.trace_id, ()))
        put = tuple(cort.Hint(hint.kind, hint.start, hint.end) for hint in hints.get(trace.trace_id, ()))
        v = verdicts[trace.trace_id]
        judgement = Judgement(v.verdict, v.extracted, v.detail, v.ms, v.verifier, v.version)
        found.append((tasks[trace.task_id], Judged(Hinted(trace, ran, put), judgement)))
    return found


def _call(of: ToolCall) -> cort.ToolCall:
    return cort.ToolCall(of.code, of.output, of.status, of.ms, of.tokens, of.kind, of.start, of.end, of.lost)
