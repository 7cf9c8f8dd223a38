"""Mutants and paraphrases of choice letters and of texts, proven by comparing letters, or words in one plain form."""

import random
import re
import unicodedata
from collections.abc import Iterator

from verifiers.audit.probe import Case, Probe, boxed


def choice_probes(case: Case, chance: random.Random) -> Iterator[Probe]:
    """Gives the probes of a case whose reference is a letter; none where it is not."""
    match = re.fullmatch(r"\(?([A-J])\)?\.?", case.reference.strip())
    if match is None:
        return
    letter = match[1]
    for kind, right in (
        ("as it is", boxed(letter)),
        ("brackets", boxed(f"({letter})")),
        ("in text", boxed(f"\\text{{{letter}}}")),
        ("bracketed in text", boxed(f"\\text{{({letter})}}")),
        ("bold", boxed(f"\\textbf{{({letter})}}")),
        ("full stop", boxed(f"{letter}.")),
        ("unboxed", f"We compare them.\n\nAnswer: {letter}"),
        ("unboxed and bold", f"We compare them.\n\n**Answer: {letter}**"),
        ("unboxed sentence", f"We compare them.\n\nThe answer is ({letter})."),
        ("unboxed with a reason", f"The correct option is {letter}, because it fits."),
        ("picked", f"We compare them. So I choose {letter}."),
        ("called correct", f"Option {letter} is the correct answer."),
    ):
        yield Probe("paraphrase", kind, case.item(right))
    others = [other for other in "ABCDE" if other != letter]
    for other in chance.sample(others, 2):
        yield Probe("mutant", "another letter", case.item(boxed(other)))
    yield Probe("mutant", "two letters", case.item(boxed(f"{letter}, {others[0]}")))
    yield Probe("mutant", "another letter, unboxed", case.item(f"It is not {letter}.\n\nAnswer: {others[1]}"))
    yield Probe("mutant", "denied", case.item(f"The answer is not {letter}."))
    yield Probe("mutant", "called wrong", case.item(f"Option {letter} is not correct."))
    yield Probe("mutant", "ruled out", case.item(f"So we rule out ({letter})."))
    yield Probe("mutant", "changed its mind", case.item(f"The answer is {letter}. No, the answer is {others[1]}."))
    yield Probe("mutant", "the right box before", case.item(f"\\boxed{{{letter}}}? No. {boxed(others[2])}"))


def text_probes(case: Case, chance: random.Random) -> Iterator[Probe]:
    """Gives the probes of a case whose reference is words; none where it holds anything else."""
    text = case.reference.strip()
    if not re.fullmatch(r"[A-Za-z]{3,}(?: [A-Za-z]+)*", text):
        return
    for kind, right in (
        ("as it is", text),
        ("lower case", text.lower()),
        ("upper case", text.upper()),
        ("in text", f"\\text{{{text}}}"),
        ("spaces", f"  {text} "),
        ("full stop", f"{text}."),
        ("bold", f"\\textbf{{{text}}}"),
        ("quoted", f"“{text}”"),
    ):
        yield Probe("paraphrase", kind, case.item(boxed(right)))
    yield Probe("paraphrase", "unboxed", case.item(f"We look it up.\n\nAnswer: {text}"))
    yield Probe("paraphrase", "unboxed and bold", case.item(f"We look it up.\n\n**Answer:** {text}."))
    at = chance.randrange(len(text.split()[0]))
    other = chr((ord(text[at].lower()) - 97 + chance.randint(1, 25)) % 26 + 97)
    for kind, wrong in (
        ("another letter", text[:at] + other + text[at + 1 :]),
        ("a letter dropped", text[:at] + text[at + 1 :]),
        ("a word more", f"{text} perhaps"),
        ("negated", f"not {text}"),
        ("backwards", text[::-1]),
        ("a mark more", f"{text}#"),
        ("two answers", f"{text} or {text[::-1]}"),
    ):
        if _plain(wrong) not in {_plain(right) for right in (text, *map(str, case.spec.get("accept", ())))}:
            yield Probe("mutant", kind, case.item(boxed(wrong)))


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
