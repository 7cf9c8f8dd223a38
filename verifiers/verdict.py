"""The answer of a verifier, before it is tied to a trace."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a verifier says of one response.

    `verdict` is one of `catalog.records.VERDICTS`; `extracted` the final answer as it was read, None where none was
    found; `detail` the reason in one line; `ms` the milliseconds it took; `verifier` and `version` who says so.
    """

    verdict: str
    extracted: str | None
    detail: str
    ms: float
    verifier: str
    version: int
