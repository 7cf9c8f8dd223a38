r"""A reader of answers that shares nothing with the verifier: what an audit proves its probes with.

A small grammar of LaTeX terms (numbers, letters, + - * / ^, `\frac`, `\sqrt`, `\pi`, brackets) read by recursive
descent into sympy, without `eval`. It refuses all else, and what is refused is not audited.
"""

import re
from typing import Any

MAX_CHARS = 200
MAX_DEPTH = 12
MAX_EXPONENT = 20

_TOKEN = re.compile(r"\s*(\d+(?:\.\d+)?|\.\d+|\\[dt]?frac|\\[A-Za-z]+|\\[,; ]|[A-Za-z]|[-+*/^(){}\[\]])\s*")
_MIXED = re.compile(r"\d\s*\\[dt]?frac|\d\s+\d")
_WORDS = re.compile(r"(?<![A-Za-z\\])(?:or|and|if|is|to|in)(?![A-Za-z])|(?<![A-Za-z\\])[A-Za-z]{4,}")
"""Prose: letters that nobody multiplies."""

_POINTS = ((3, 7), (-5, 11), (13, 4))
"""Fractions put in for variables; each variable takes another one."""


def read(text: str) -> Any:
    """Gives a term as a sympy expression; raises ValueError where the text is none of this grammar."""
    text = re.sub(r"(?<=\d)(?:\{,\}|,)(?=\d{3}(?!\d))", "", text.strip())
    if not 0 < len(text) <= MAX_CHARS:
        raise ValueError("too long")
    if _MIXED.search(text):
        raise ValueError("two numbers side by side: a product, or a mixed number")
    if _WORDS.search(text):
        raise ValueError("words")
    tokens, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError("not of the grammar")
        if match[1] not in ("\\left", "\\right", "\\,", "\\;", "\\ "):
            tokens.append(match[1])
        at = match.end()
    parser = _Parser(tokens)
    value = parser.sum(0)
    if parser.tokens:
        raise ValueError("not of the grammar")
    return value


class _Parser:
    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens[::-1]

    def sum(self, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise ValueError("too deep")
        sign = -1 if self._take("-") else 1
        value = sign * self._product(depth)
        while self.tokens and self.tokens[-1] in "+-":
            sign = -1 if self.tokens.pop() == "-" else 1
            value += sign * self._product(depth)
        return value

    def _product(self, depth: int) -> Any:
        value = self._power(depth)
        while self.tokens and self.tokens[-1] not in ("+", "-", ")", "}", "]"):
            if self._take("/"):
                value /= self._power(depth)
            else:
                self._take("*", "\\cdot", "\\times")
                value *= self._power(depth)
        return value

    def _power(self, depth: int) -> Any:
        base = self._atom(depth)
        if not self._take("^"):
            return base
        exponent = self._atom(depth)
        if exponent.is_number and abs(exponent) > MAX_EXPONENT:
            raise ValueError("too large an exponent")
        return base**exponent

    def _atom(self, depth: int) -> Any:
        import sympy

        if not self.tokens:
            raise ValueError("breaks off")
        token = self.tokens.pop()
        if token[0].isdigit() or token[0] == ".":
            return sympy.Rational(token)
        if len(token) == 1 and token.isalpha():
            return sympy.Symbol(token)
        if token in ("(", "{", "["):
            value = self.sum(depth + 1)
            if not self._take({"(": ")", "{": "}", "[": "]"}[token]):
                raise ValueError("unbalanced")
            return value
        if token == "\\pi":
            return sympy.pi
        if token in ("\\frac", "\\dfrac", "\\tfrac"):
            above = self._argument(depth)
            return above / self._argument(depth)
        if token == "\\sqrt":
            index = self._atom(depth) if self.tokens and self.tokens[-1] == "[" else sympy.Integer(2)
            return self._argument(depth) ** (1 / index)
        raise ValueError("not of the grammar")

    def _argument(self, depth: int) -> Any:
        if not self.tokens or self.tokens[-1] != "{":
            raise ValueError("braces are wanted")
        return self._atom(depth)

    def _take(self, *tokens: str) -> bool:
        if self.tokens and self.tokens[-1] in tokens:
            self.tokens.pop()
            return True
        return False


def same(a: Any, b: Any) -> bool:
    """Tells whether two terms are proven equal."""
    import sympy

    return bool(a == b or sympy.expand(a - b) == 0 or sympy.simplify(a - b) == 0)


def differ(a: Any, b: Any) -> bool:
    """Tells whether two terms are proven different: they have different values at some point."""
    import sympy

    if a.is_Rational and b.is_Rational:
        return bool(a != b)
    symbols = sorted(a.free_symbols | b.free_symbols, key=str)
    for above, below in _POINTS:
        point = {symbol: sympy.Rational(above + i, below + i) for i, symbol in enumerate(symbols)}
        x, y = (complex(sympy.N(term.subs(point), 30)) for term in (a, b))
        if abs(x - y) > 1e-6 * max(abs(x), abs(y), 1e-6):
            return True
    return False
