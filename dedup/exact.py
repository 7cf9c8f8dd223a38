"""One text for all spellings of the same problem, which never makes two different problems one.

What counts as noise, and is collapsed: Unicode forms (NFKC), invisible characters, kinds of dashes and quotation
marks, white space, spaces beside operators and brackets, the case of words, `. , ; : ?` after a word or at the end.

What is kept, because it decides what is asked: digits, decimal points, signs, operators, brackets, exponents (`x²` is
`x^{2}`, never `x2`), the case of single letters (`A` and `a` are two variables) and of LaTeX commands (`\\Delta`).

It looks at words and spacing only: two problems that differ in indentation alone are one text.
"""

import hashlib
import re
import unicodedata

_INVISIBLE_OPERATORS = "\u2061\u2062\u2063\u2064"
_PLAIN = str.maketrans(
    {
        **dict.fromkeys("‐‑‒–—―−﹣－", "-"),
        **dict.fromkeys("‘’‚‛′", "'"),
        **dict.fromkeys("“”„‟", '"'),
        **dict.fromkeys("⁄∕", "/"),
    }
)
_SUPERSCRIPTS = re.compile("[⁰¹²³⁴-⁾ⁿⁱ]+")
_SUBSCRIPTS = re.compile("[₀-₎ₐ-ₜ]+")
_WORD = re.compile(r"(?<!\\)(?<![^\W\d_])[^\W\d_]{2,}")
_ASCII_WORD_WITH_CAPITALS = re.compile(r"(?<![\\A-Za-z])(?:[A-Z][A-Za-z]+|[a-z]+[A-Z][A-Za-z]*)")
"""What `_WORD` finds in ASCII text, less the words that are in lower case as it is: most of them."""
_NOISE = re.compile(r"(?<=[^\W\d_]{2})[.,;:?]+(?=\s|$)")
_END = " .,;:?"
_SPACE = re.compile(r"\s+")
_TIGHT = re.compile(r" ?([*/=<>^(){}\[\]|&]) ?")
_SIGN = re.compile(r" ([+-]) ")
_COMMA = re.compile(r" ?, (?!(?<=\d, )\d{3}(?!\d))")  # but `12, 345` is not `12,345`


def normalise(text: str) -> str:
    """Gives the normal form of a text: equal for texts that differ in noise only; its own is itself."""
    if not text.isascii():
        text = _compatible(text)
    words = _ASCII_WORD_WITH_CAPITALS if text.isascii() else _WORD
    text = words.sub(lambda word: word[0].casefold(), text)
    text = _SPACE.sub(" ", _NOISE.sub("", text)).strip()
    return _COMMA.sub(",", _SIGN.sub(r"\1", _TIGHT.sub(r"\1", text))).rstrip(_END)


def digest(*parts: str) -> bytes:
    """Gives 16 bytes of BLAKE2b that identify a sequence of texts; where one ends and the next begins counts."""
    state = hashlib.blake2b(digest_size=16)
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        state.update(len(encoded).to_bytes(8, "little"))
        state.update(encoded)
    return state.digest()


def text_key(text: str) -> bytes:
    """Gives the 16 bytes that are equal for texts with the same normal form."""
    return digest("text", normalise(text))


def _compatible(text: str) -> str:
    """Gives NFKC without its losses: it would make `x²` into `x2`, `3½` into `31/2` and `1①` into `11`."""
    text = _SUPERSCRIPTS.sub(lambda run: "^{" + unicodedata.normalize("NFKC", run[0]) + "}", text)
    text = _SUBSCRIPTS.sub(lambda run: "_{" + unicodedata.normalize("NFKC", run[0]) + "}", text)
    text = "".join(character if character.isascii() else _plain(character) for character in text)
    text = unicodedata.normalize("NFKC", text).translate(_PLAIN)
    return "".join(c for c in text if c in _INVISIBLE_OPERATORS or unicodedata.category(c) != "Cf")


def _plain(character: str) -> str:
    kind = unicodedata.decomposition(character).partition(">")[0]
    if kind not in ("<fraction", "<circle", "<compat"):
        return character
    plain = unicodedata.normalize("NFKC", character)
    return f" {plain} " if any(c.isdigit() for c in plain) else character
