"""Responses that are no answer to any task: none of them may be judged correct, and each must be judged."""

import random
import re
from collections.abc import Iterator

from verifiers.audit.probe import Case, Probe, boxed

_FORMULA = re.compile(r"[$\\+*/^=−×]|\s-\s")
"""A prompt with a formula may state an equal of its answer: "Evaluate $2 + 3$"."""

_BINARY = "".join(chr(code) for code in range(32)) * 20


def probes(case: Case, others: list[Case], chance: random.Random, heavy: bool) -> Iterator[Probe]:
    """Gives junk for one case; `heavy` adds what is large, which is worth it for one case only."""
    junk = {
        "empty": "",
        "spaces": " \n\t ",
        "an empty box": boxed(""),
        "an open box": "So \\boxed{",
        "binary": boxed(_BINARY),
        "NUL": boxed("\x00" * 50),
        "all of the above": boxed("\\text{all of the above}"),
        "a refusal": "I'm sorry, but I cannot help with that.",
        "a placeholder": boxed("\\text{your answer here}"),
    }
    if case.reference.strip():
        junk["the right box before a broken one"] = f"\\boxed{{{case.reference}}} or rather \\boxed{{"
        junk["many boxes"] = " ".join(f"\\boxed{{{i}}}" for i in range(98_001, 98_060)) + boxed("\\text{one of these}")
    if case.prompt and _tells_no_answer(case):
        junk["the prompt echoed"] = case.prompt
        junk["the prompt in a box"] = boxed(case.prompt)
    if heavy:
        junk["huge"] = "a" * 1_000_000
        junk["a huge number"] = boxed("9" * 100_000)
        junk["nested boxes"] = "\\boxed{" * 10_000 + "1" + "}" * 10_000
        junk["nested brackets"] = boxed("(" * 5_000 + "1" + ")" * 5_000)
        junk["nested fractions"] = boxed("\\frac{1}{" * 500 + "1" + "}" * 500)
        junk["a power tower"] = boxed("9^{9^{9^{9^{9}}}}")
    for kind, response in junk.items():
        yield Probe("junk", kind, case.item(response))
    if case.verifier in ("sat", "code"):  # one formula's solution may solve another, too
        return
    strangers = [other.reference for other in others if _apart(other.reference, case.reference)]
    strangers = [stranger for stranger in strangers if not _may_name(stranger, case)]
    if strangers:
        yield Probe("junk", "another task's answer", case.item(boxed(chance.choice(strangers))))


def _tells_no_answer(case: Case) -> bool:
    """Tells whether a prompt surely does not hold its answer: it has neither the reference nor a formula in it."""
    reference = case.reference.strip()
    return bool(reference) and reference not in case.prompt.replace(",", "") and not _FORMULA.search(case.prompt)


def _may_name(stranger: str, case: Case) -> bool:
    """Tells whether a text may be the case's answer by its spec: a letter beside an option's text, an accepted text."""
    if "choice" in (case.verifier, case.spec.get("kind")):
        return len(stranger.strip()) != 1 or len(case.reference.strip()) != 1
    accepted = case.spec.get("accept", ())
    return stranger.strip().casefold() in {str(text).strip().casefold() for text in accepted}


def _apart(a: str, b: str) -> bool:
    """Tells whether two references are surely not the same answer: two different whole numbers, words or letters."""
    a, b = a.strip(), b.strip()
    numbers = a.lstrip("-").isdecimal() and b.lstrip("-").isdecimal()
    words = a.isalpha() and b.isalpha()
    return (numbers and int(a) != int(b)) or (words and a.casefold() != b.casefold())
