"""The check that both peers make of an answer: the last box against the clauses, in as few lines as it takes."""

import json
import re

_BOX = re.compile(r"\\boxed\{([01]+)\}")
_LITERAL = re.compile(r"(!?)([A-Z])")


def satisfied(response: str, spec: str) -> bool:
    """Whether the last boxed assignment satisfies the task's formula."""
    boxes = _BOX.findall(response)
    formula = json.loads(spec)
    if not boxes or len(boxes[-1]) != formula["k"]:
        return False
    return all(
        any((boxes[-1][ord(letter) - 65] == "1") != bool(sign) for sign, letter in _LITERAL.findall(clause))
        for clause in formula["clauses"].split(" & ")
    )
