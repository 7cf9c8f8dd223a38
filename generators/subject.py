"""What stages that make traces of traces begin with."""

from dataclasses import dataclass

from catalog.records import Task, Trace, Verdict


@dataclass(frozen=True, slots=True)
class Subject:
    """A trace to make a better one of, with its task and what its verifier said of it."""

    task: Task
    trace: Trace
    verdict: Verdict
