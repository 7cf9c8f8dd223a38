"""The records of a store: one frozen dataclass a kind, its Arrow schema derived from the annotations.

Every field carries its one-line description, which goes into the Arrow schema's metadata, the docs and the dataset
card. Nested or open-ended values (specs, parameters, evidence) are JSON text, so that no reader needs our code.
"""

import dataclasses
import types
import typing
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Any

import pyarrow as pa

SCHEMA_VERSION = 2
"""Grows with every change of a field below; stored in each file's schema metadata."""

JsonText = str

VERDICTS = ("correct", "wrong", "unparsable", "bad_reference", "timeout", "memory", "crash", "infrastructure")
"""What a verifier can say of a trace; only `correct` and `wrong` may feed a reward or a training label."""

ORIGINS = ("sampled", "retro_search", "cort", "procedural")
"""How a trace came to be."""


@dataclasses.dataclass(frozen=True, slots=True)
class Task:
    """A problem, its reference answer, and the name and spec of the verifier that can check it."""

    task_id: Annotated[
        str, "identity: a hash of domain, prompt, reference, verifier and spec, as they were before any vote"
    ]
    domain: Annotated[str, "chooses the prompt template: math, sat, code, choice, ..."]
    prompt: Annotated[str, "the problem as the teacher reads it, before any template"]
    reference: Annotated[str, "the reference answer as text; empty where the spec alone decides"]
    verifier: Annotated[str, "name of the verifier that can check an answer"]
    spec: Annotated[JsonText, "what the verifier needs beyond the reference, as a JSON object"]
    difficulty: Annotated[float | None, "the generator's difficulty: its own scale, higher is harder"]
    guess_rate: Annotated[float | None, "chance that a blind guess is right, where it can be known"]
    structure: Annotated[str | None, "structural key: equal for tasks that differ in wording or naming only"]
    source: Annotated[str, "where the task comes from: a generator with its level, or a problem set with its row"]
    license: Annotated[str, "licence of the task's text, as an SPDX expression where there is one"]


@dataclasses.dataclass(frozen=True, slots=True)
class Completion:
    """One raw answer of a teacher to one request; what the journal holds."""

    key: Annotated[str, "identity: task, stage, sample, teacher revision, rendered prompt, parameters and seed"]
    task_id: Annotated[str, "the task it was asked for"]
    stage: Annotated[str, "the stage that asked: sample, revise, hint"]
    sample: Annotated[int, "index of this answer among those asked of the task by the stage"]
    teacher: Annotated[str, "the teacher's name in the recipe"]
    revision: Annotated[str, "the teacher's model and revision"]
    params: Annotated[JsonText, "sampling parameters, as a JSON object"]
    seed: Annotated[int, "the seed sent with the request"]
    max_tokens: Annotated[int, "limit on new tokens of the request"]
    text: Annotated[str, "the completion, without the prompt"]
    finish_reason: Annotated[str, "stop (end of text or stop string) or length (cut off by the limit)"]
    prompt_tokens: Annotated[int, "tokens of the prompt"]
    completion_tokens: Annotated[int, "tokens of the completion"]
    mean_logprob: Annotated[float | None, "mean natural-log probability of the completion's tokens"]
    step_logprobs: Annotated[list[float] | None, "the same mean, a value per paragraph of the text"]
    wall_s: Annotated[float, "seconds from sending the request to its answer"]
    created: Annotated[float, "seconds since 1970-01-01 UTC at which the answer arrived"]


@dataclasses.dataclass(frozen=True, slots=True)
class Trace:
    """One reasoning attempt at one task."""

    trace_id: Annotated[str, "identity: origin, task, parent, completion and text"]
    task_id: Annotated[str, "the task it attempts"]
    parent: Annotated[str | None, "the trace it was made from, when it was"]
    origin: Annotated[str, "sampled, retro_search, cort or procedural"]
    sample: Annotated[int, "index among the traces asked of the task"]
    thinking: Annotated[str, "the reasoning, without its delimiters; empty for a model that does not delimit it"]
    answer: Annotated[str, "what follows the reasoning: the part that is judged"]
    finish_reason: Annotated[str, "stop or length"]
    truncated: Annotated[bool, "cut off by the token limit, or thinking never closed: never a training target"]
    prompt_tokens: Annotated[int, "tokens of the prompt"]
    completion_tokens: Annotated[int, "tokens of thinking and answer together"]
    mean_logprob: Annotated[float | None, "mean natural-log probability of the completion's tokens"]
    step_logprobs: Annotated[list[float] | None, "the same mean, a value per paragraph"]
    params: Annotated[JsonText, "sampling parameters, as a JSON object"]
    seed: Annotated[int, "the seed sent with the request"]
    teacher: Annotated[str, "the teacher's name in the recipe"]
    revision: Annotated[str, "the teacher's model and revision"]
    completion_key: Annotated[str, "the journalled completion it was read from"]
    wall_s: Annotated[float, "seconds the teacher took"]


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """What a verifier says of one trace."""

    trace_id: Annotated[str, "the trace that was judged"]
    task_id: Annotated[str, "its task"]
    verdict: Annotated[str, "correct, wrong, unparsable, bad_reference, timeout, memory, crash or infrastructure"]
    extracted: Annotated[str | None, "the final answer as it was read from the trace"]
    detail: Annotated[str, "the reason in one line; empty where the verdict says it all"]
    ms: Annotated[float, "milliseconds the verification ran"]
    verifier: Annotated[str, "name of the verifier"]
    version: Annotated[int, "version of the verifier: verdicts of different versions are not compared"]


@dataclasses.dataclass(frozen=True, slots=True)
class Reject:
    """A row that a stage dropped, with the stage, the reason and the evidence."""

    row_id: Annotated[str, "id of the dropped task or trace; for input that never became one, file and line"]
    row_kind: Annotated[str, "what was dropped: input, task, sample, trace, revision or hinting"]
    stage: Annotated[str, "the stage that dropped it"]
    reason: Annotated[str, "a short name for why, the same for all rows dropped for the same cause"]
    detail: Annotated[str, "one line for a person"]
    twin: Annotated[str | None, "id of the row that was kept instead, for duplicates"]
    score: Annotated[float | None, "the score behind the decision, in [0, 1], where there is one"]
    evidence: Annotated[JsonText, "what else shows it, as a JSON object"]


@dataclasses.dataclass(frozen=True, slots=True)
class Revision:
    """What the stage `revise` made of one correct trace, or why it made nothing."""

    parent: Annotated[str, "the trace that was to be revised"]
    task_id: Annotated[str, "its task"]
    trace_id: Annotated[str | None, "the revised trace; none where nothing was accepted"]
    mode: Annotated[str, "full, partial, tail or close"]
    teacher: Annotated[str, "the reviser's name in the recipe"]
    revision: Annotated[str, "the reviser's model and revision"]
    reason: Annotated[str, "revised, or why not: one_thought, no_thinking, answer_not_found, nothing_accepted, ..."]
    ended: Annotated[str, "what ended the search early: switches, budget, refused; empty where nothing did"]
    thoughts: Annotated[int, "thoughts of the parent"]
    steps_before: Annotated[int, "steps of the parent, its answer included"]
    steps_after: Annotated[int, "steps of the revised trace; the parent's where there is none"]
    tokens_before: Annotated[int, "tokens of the parent"]
    tokens_after: Annotated[int, "tokens of the revised trace; the parent's where there is none"]
    kept: Annotated[int, "characters of the parent's thinking that stand at the revision's beginning"]
    tried: Annotated[int, "switch points tried"]
    accepted: Annotated[int, "of these, accepted"]
    outcomes: Annotated[JsonText, "rollouts by outcome, as a JSON object: accepted, not_shorter, wrong, cut_off, ..."]
    points: Annotated[JsonText, "per switch point its offset, steps, value and outcome, as a JSON array of objects"]
    controls: Annotated[JsonText, "what cheaper ways made of it with the same tokens, a JSON object; {} if not tried"]
    prompt_tokens: Annotated[int, "prompt tokens of its rollouts, those taken from the journal included"]
    completion_tokens: Annotated[int, "completion tokens of its rollouts, redraws included"]
    cached_tokens: Annotated[int, "prompt tokens that the engine took from its prefix cache"]
    told_tokens: Annotated[
        int, "prompt tokens of the requests for which the engine told that; 0 where it tells nothing"
    ]


@dataclasses.dataclass(frozen=True, slots=True)
class Pair:
    """Two ways on from one place of a trace, of which one was verified to be worth more."""

    task_id: Annotated[str, "the task"]
    parent: Annotated[str, "the trace that was revised there"]
    trace_id: Annotated[str | None, "the revised trace that came of it; none where nothing was accepted"]
    prefix: Annotated[str, "the reasoning in front of both"]
    chosen_thinking: Annotated[str, "the better one's reasoning behind the prefix"]
    chosen_answer: Annotated[str, "its answer, verified right"]
    chosen_value: Annotated[float, "its value: gamma to the power of its further steps"]
    chosen_key: Annotated[str | None, "the journalled completion that ends it; none for the parent's own words"]
    rejected_thinking: Annotated[str, "the worse one's reasoning behind the prefix"]
    rejected_answer: Annotated[str, "its answer"]
    rejected_value: Annotated[float, "its value; 0 where it is wrong"]
    rejected_key: Annotated[str | None, "the journalled completion that ends it; none for the parent's own words"]
    reason: Annotated[str, "shorter (both are right) or right (the rejected one is wrong)"]
    teacher: Annotated[str, "the reviser's model and revision"]


@dataclasses.dataclass(frozen=True, slots=True)
class Hinting:
    """What the stage `hint` made of one trace, or of one task that was asked for code."""

    subject: Annotated[str, "the trace that was to get hints, or the task that was asked for code"]
    task_id: Annotated[str, "its task"]
    parent: Annotated[str | None, "the trace; none where a task was asked for code from the start"]
    strategy: Annotated[str, "engineered (hints at detected positions of a trace) or prompt (code asked for)"]
    trace_id: Annotated[str | None, "the hinted trace that was kept; none where nothing was better"]
    reason: Annotated[str, "improved, rescued, prompted, or why not: no_position, nothing_better, refused, ..."]
    tokens_before: Annotated[int | None, "tokens of the parent"]
    tokens_after: Annotated[int | None, "tokens of the hinted trace; the parent's where there is none"]
    counts: Annotated[JsonText, "positions, continuations, runs of code and controls, as a JSON object"]
    teacher: Annotated[str, "the teacher's name in the recipe"]
    revision: Annotated[str, "the teacher's model and revision"]


@dataclasses.dataclass(frozen=True, slots=True)
class ToolCall:
    """One code block that ran in a trace; positions are characters of its thinking, or of its answer without one."""

    trace_id: Annotated[str, "the trace"]
    task_id: Annotated[str, "its task"]
    number: Annotated[int, "its place among the trace's calls, from 0"]
    code: Annotated[str, "the code"]
    output: Annotated[str, "what the trace shows of its output, without the fences"]
    status: Annotated[str, "ok, exception, timeout, memory, crash or output (it printed too much)"]
    ms: Annotated[float, "milliseconds it ran"]
    tokens: Annotated[int, "tokens of its output block"]
    kind: Annotated[str, "calculation (its result was not in the text before) or verification"]
    start: Annotated[int, "character at which its output block begins"]
    end: Annotated[int, "character behind its output block"]
    lost: Annotated[bool, "whether the names of the code before it were gone"]


@dataclasses.dataclass(frozen=True, slots=True)
class Hint:
    """One text that was put into a trace; positions as for tool calls."""

    trace_id: Annotated[str, "the trace"]
    task_id: Annotated[str, "its task"]
    kind: Annotated[str, "opening, compute, check or trust"]
    start: Annotated[int, "its first character"]
    end: Annotated[int, "the character behind it"]


@dataclasses.dataclass(frozen=True, slots=True)
class Reward:
    """What a trace that may run code is worth to reinforcement learning: R = R_answer + weight R_code (CoRT, eq. 3)."""

    trace_id: Annotated[str, "the trace"]
    task_id: Annotated[str, "its task"]
    answer: Annotated[float, "R_answer: 1 for a correct answer, 0 for a wrong one"]
    code: Annotated[float, "R_code: -1 where code ran and every run failed, else 0"]
    reward: Annotated[float, "their sum, the code's part weighted"]


@dataclasses.dataclass(frozen=True, slots=True)
class StageCount:
    """The ledger's line: what went into a stage for one shard and what came of it."""

    stage: Annotated[str, "the stage"]
    shard: Annotated[int, "the shard; -1 for a stage that looks at the whole build"]
    unit: Annotated[str, "what is counted: input, task, sample, trace, revision or hinting"]
    rows_in: Annotated[int, "rows that entered"]
    rows_out: Annotated[int, "rows that left"]
    rejects: Annotated[int, "rows that were dropped, each with a reject"]
    pending: Annotated[int, "rows still owed (an infrastructure failure, a budget)"]
    prompt_tokens: Annotated[int, "prompt tokens the stage used, those taken from the journal included"]
    completion_tokens: Annotated[int, "completion tokens the stage used, those taken from the journal included"]
    seconds: Annotated[float, "wall time of the stage on this shard"]


Made = Revision | Pair | Hinting | ToolCall | Hint | Reward
"""What stages keep beside the traces that they make of others."""

Record = Task | Completion | Trace | Verdict | Reject | Made | StageCount

KINDS: dict[str, type] = {
    "tasks": Task,
    "traces": Trace,
    "verdicts": Verdict,
    "rejects": Reject,
    "revisions": Revision,
    "pairs": Pair,
    "hintings": Hinting,
    "tool_calls": ToolCall,
    "hints": Hint,
    "rewards": Reward,
    "stages": StageCount,
    "completions": Completion,
}
"""Folder and view name of each kind of record."""

_ARROW: dict[Any, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    list[float]: pa.list_(pa.float32()),
}


@lru_cache
def schema(record: type) -> pa.Schema:
    """Gives the Arrow schema of a record type; field descriptions and the schema version are in its metadata."""
    fields = []
    for name, hint in typing.get_type_hints(record, include_extras=True).items():
        kind, description = typing.get_args(hint)
        optional = isinstance(kind, types.UnionType)
        if optional:
            kind = typing.get_args(kind)[0]
        fields.append(pa.field(name, _ARROW[kind], nullable=optional, metadata={"description": description}))
    return pa.schema(fields, metadata={"reasonmill.schema_version": str(SCHEMA_VERSION)})


def to_table(record: type, rows: Sequence[Any]) -> pa.Table:
    """Gives the rows, all of type `record`, as one Arrow table in their order."""
    target = schema(record)
    return pa.table([pa.array([getattr(row, f.name) for row in rows], f.type) for f in target], schema=target)


def from_table(record: type, table: pa.Table) -> list[Any]:
    """Gives an Arrow table's rows as records; columns the record does not know are left out, absent ones are None."""
    names = [field.name for field in dataclasses.fields(record)]
    columns = [table[name].to_pylist() if name in table.column_names else [None] * len(table) for name in names]
    return [record(*values) for values in zip(*columns, strict=True)]
