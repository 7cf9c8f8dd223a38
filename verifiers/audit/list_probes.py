r"""Mutants and paraphrases of sets and tuples; which of the two a list is, its brackets or the task say."""

from collections.abc import Iterator
from typing import Any

from verifiers.audit.probe import Case, Probe, boxed
from verifiers.audit.reading import differ, read, same
from verifiers.audit.term_probes import written_otherwise

SET = ("\\{", "\\}")


def probes(case: Case, opening: str, inner: str, closing: str) -> Iterator[Probe]:
    """Gives the probes of a list with these brackets, or none. Raises ValueError where it cannot be read."""
    kind = case.spec.get("kind")
    is_set = (opening, closing) == SET or kind == "set"
    if kind == ("tuple" if (opening, closing) == SET else "set") and opening not in ("", "\\{"):
        raise ValueError("brackets of another kind than the declared one")
    texts = [part.strip() for part in inner.split(",")] if inner.strip() else []
    values = [read(text) for text in texts]
    if not texts:
        yield from _of_nothing(case, is_set)
        return

    def item(parts: list[str], left: str = opening, right: str = closing, gap: str = ", ") -> Any:
        return case.item(boxed(left + gap.join(parts) + right))

    yield Probe("paraphrase", "as it is", item(texts))
    yield Probe("paraphrase", "without spaces", item(texts, gap=","))
    if opening:
        yield Probe("paraphrase", "sized brackets", item(texts, f"\\left{opening}", f"\\right{closing}"))
    yield from _of_elements(texts, values, item)
    if not all(differ(a, b) for i, a in enumerate(values) for b in values[i + 1 :]):
        return
    more = values[0] + 17
    if all(differ(more, value) for value in values):
        yield Probe("mutant", "element more", item([*texts, _latex(more)]))
    for i in range(len(texts)) if len(texts) > 1 else ():
        yield Probe("mutant", "element dropped", item(texts[:i] + texts[i + 1 :]))
    if is_set:
        yield Probe("paraphrase", "element twice", item([*texts, texts[0]]))
        yield Probe("paraphrase", "braces", item(texts, *SET))
        if len(texts) > 1:
            yield Probe("paraphrase", "other order", item(texts[::-1]))
            yield Probe("paraphrase", "an open list", item(texts, "", ""))
            if kind == "set":
                yield Probe("mutant", "a tuple", item(texts, "(", ")"))
    elif len(texts) > 1:
        yield Probe("mutant", "other order", item(texts[::-1]))
        yield Probe("mutant", "element twice", item([*texts, texts[0]]))
        if kind == "tuple":
            yield Probe("paraphrase", "round brackets", item(texts, "(", ")"))
            yield Probe("paraphrase", "an open list", item(texts, "", ""))
            yield Probe("mutant", "a set", item(texts, *SET))


def _of_elements(texts: list[str], values: list[Any], item: Any) -> Iterator[Probe]:
    for i, value in enumerate(values):
        for name, other in written_otherwise(value, texts[i], "rational"):
            if value.is_Rational and same(read(other), value) and "," not in other:
                yield Probe("paraphrase", f"element: {name}", item([*texts[:i], other, *texts[i + 1 :]]))
        changed = value + 17
        if all(differ(changed, other) for other in values):
            yield Probe("mutant", "element changed", item([*texts[:i], _latex(changed), *texts[i + 1 :]]))


def _of_nothing(case: Case, is_set: bool) -> Iterator[Probe]:
    if not is_set:
        raise ValueError("no elements")
    for kind, text in (("as a sign", "\\emptyset"), ("as another sign", "\\varnothing"), ("braces", "\\{\\}")):
        yield Probe("paraphrase", f"nothing {kind}", case.item(boxed(text)))
    for text in ("0", "\\{0\\}", "\\{1, 2\\}", "\\mathbb{R}"):
        yield Probe("mutant", "something for nothing", case.item(boxed(text)))


def _latex(value: Any) -> str:
    import sympy

    return sympy.latex(value)
