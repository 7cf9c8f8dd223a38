"""The program in a response: its last Python block, or all of it where nothing is fenced. Nothing is parsed here."""

import re
import textwrap

MAX_CHARS = 1_000_000
MAX_RESPONSE_CHARS = 4_000_000

_FENCE = re.compile(r"^([ \t]*)(`{3,}|~{3,})[ \t]*([\w+#.-]*)[^\n`]*$", re.M)
_PYTHON = {"python", "py", "python3", "py3", "python2"}
_LOOKS_LIKE_CODE = re.compile(
    r"^[ \t]*(?:(?:async +)?def +\w+ *\(|class +\w+ *[(:]|import +\w|from +[\w.]+ +import\b|@\w|return\b"
    r"|(?:print|input) *\(|\w[\w, ]* *= *\S|(?:for|while|if|with) .*:[ \t]*$)",
    re.M,
)
_OTHER = (
    ("C or C++", re.compile(r"^\s*#\s*include\b|\bint +main *\(|\busing +namespace\b", re.M)),
    ("Java", re.compile(r"\bpublic +(?:static +)?(?:class|void|int)\b|\bSystem\.out\b")),
    ("JavaScript", re.compile(r"\bconsole\.log\b|\bfunction +\w* *\([^)]*\) *\{|^\s*(?:const|let|var) +\w+ *=", re.M)),
    ("Go", re.compile(r"^\s*package +main\b|^\s*func +\w+ *\(", re.M)),
    ("Rust", re.compile(r"^\s*(?:pub +)?fn +\w+ *[(<]", re.M)),
)


class NoProgram(ValueError):
    """The response has no Python program; the text says why, in one sentence."""


def extract(response: str) -> str:
    """Gives the program's text; raises NoProgram."""
    part = _after_thought(response)
    if len(part) > MAX_RESPONSE_CHARS:
        raise NoProgram(f"limit: the answer has more than {MAX_RESPONSE_CHARS} characters")
    blocks = _blocks(part)
    python = [text for tag, text in blocks if tag in _PYTHON] or [text for tag, text in blocks if not tag]
    if python:
        program = python[-1]
    elif blocks:
        raise NoProgram(f"the code is marked as {blocks[-1][0][:30]!r}, not as Python")
    else:
        program = part
    if not program.strip():
        raise NoProgram("the response has no code")
    if len(program) > MAX_CHARS:
        raise NoProgram(f"limit: the program has more than {MAX_CHARS} characters")
    if not python and not _LOOKS_LIKE_CODE.search(program):
        raise NoProgram("the response has no code")
    return program


def other_language(program: str) -> str | None:
    """Gives the language that a text which is not Python seems to be written in."""
    return next((name for name, pattern in _OTHER if pattern.search(program)), None)


def completed(program: str, prompt: str, entry_point: str) -> str:
    """Gives the program behind the task's prompt: what that defines is there, and a body alone continues it."""
    if not prompt or re.search(r"^from +__future__ ", program, re.M):
        return program
    if re.search(
        rf"^(?:(?:async +)?def|class) +{re.escape(entry_point)}\b|^{re.escape(entry_point)} *=", program, re.M
    ):
        return f"{prompt.rstrip()}\n    pass\n\n{program}"
    first = next((line for line in program.splitlines() if line.strip()), "")
    body = program if first[:1] in (" ", "\t") else textwrap.indent(program, "    ")
    return f"{prompt.rstrip()}\n{body}"


def _after_thought(response: str) -> str:
    _, closed, rest = response.rpartition("</think>")
    if closed:
        return rest
    if "<think>" in response:
        raise NoProgram("the thought never ends")
    return response


def _blocks(text: str) -> list[tuple[str, str]]:
    """Gives tag and text of each fenced block; one that is not closed ends with the text."""
    blocks: list[tuple[str, str]] = []
    opened: tuple[str, str, str, int] | None = None
    for match in _FENCE.finditer(text):
        indent, mark, tag = match[1], match[2], match[3].lower()
        if opened is None:
            opened = indent, mark, tag, match.end() + 1
        elif mark.startswith(opened[1]) and not tag:
            blocks.append((opened[2], _unindented(text[opened[3] : match.start()], opened[0])))
            opened = None
    if opened is not None:
        blocks.append((opened[2], _unindented(text[opened[3] :], opened[0])))
    return blocks


def _unindented(text: str, indent: str) -> str:
    """A block in a list is indented as its fence is."""
    return "".join(line.removeprefix(indent) for line in text.splitlines(keepends=True)) if indent else text
