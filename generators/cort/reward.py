"""The reward of a trace that may run code, for the `rl` profile (CoRT, equation 3)."""

from collections.abc import Sequence

from generators.cort.calls import ToolCall

WEIGHT = 0.1
"""Of the code's part; with 0.5 training became unstable (appendix B)."""


def code_reward(calls: Sequence[ToolCall]) -> float:
    """Gives -1 where code ran and every run of it failed, else 0.

    A run failed by its status, not by words such as "error" in its output; and a trace without code has lost nothing
    (the published program takes "all of none" for a failure and fines answers that needed no code).
    """
    return -1.0 if calls and all(call.status != "ok" for call in calls) else 0.0


def reward(verdict: str, calls: Sequence[ToolCall], weight: float = WEIGHT) -> float | None:
    """Gives R = R_answer + weight * R_code, R_answer being 1 for `correct` and 0 for `wrong`.

    None for every other verdict: what the verifier could not decide rewards nothing and punishes nothing.
    """
    if verdict not in ("correct", "wrong"):
        return None
    return (1.0 if verdict == "correct" else 0.0) + weight * code_reward(calls)
