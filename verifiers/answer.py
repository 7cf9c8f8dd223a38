r"""The final answer of a response: its last \boxed, what joins it, or what the prose behind it or without it states."""

from verifiers import prose
from verifiers.boxed import Box, final_boxes

THOUGHT_END = "</think>"
THOUGHT_START = "<think>"


def final_answer(response: str) -> tuple[str | None, str]:
    """Gives the final answer of a response, and what is wrong with it where it cannot be judged (else an empty text).

    Only what follows the thought counts. Total, and linear in the response.
    """
    part = final_part(response)
    found = final_boxes(part)
    if not found:
        answer = prose.stated(part)
        return answer, "" if answer else "no answer is boxed or stated at the end"
    if found[-1].content is None:
        return None, "the last \\boxed is malformed"
    answer = prose.restated(part[found[-1].end :]) or _content(found)
    return answer, "" if answer.strip() else "the last \\boxed is empty"


def final_part(response: str) -> str:
    """Gives what follows the thought; all of it where no thought is marked; nothing where the thought never closed."""
    _, closed, rest = response.rpartition(THOUGHT_END)
    if closed:
        return rest
    return "" if THOUGHT_START in response else response


def essence(response: str) -> str:
    """Gives the part of a response in which `final_answer` finds the same."""
    part = final_part(response)
    found = final_boxes(part)
    if not found:
        return part[-prose.TAIL_CHARS :]
    return part[found[0].start : found[-1].end] + "\n" + part[found[-1].end :][-prose.TAIL_CHARS :]


def boxed_content(text: str) -> str | None:
    """Gives the content of a text's final boxes, None where the last one is malformed, the text where it has none."""
    found = final_boxes(text)
    if not found:
        return text
    return None if found[-1].content is None else _content(found)


def _content(found: list[Box]) -> str:
    contents = dict.fromkeys(box.content or "" for box in found)  # the same box twice is one answer
    return ", ".join(contents)
