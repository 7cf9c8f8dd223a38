r"""What an answer may not be if algebra is to look at it: each limit has a name, and is checked on the text alone.

The numbers are far above what answers of real problems hold (2^{2025} and 100! are in, 10^{10^{10}} is out) and below
what makes sympy compute for seconds. What slips through is stopped by the pool's deadline.
"""

import math
import re

MAX_CHARS = 2_000
MAX_NESTING = 30
MAX_DIGITS = 400
MAX_EXPONENT = 10_000
MAX_TOWER = 2
MAX_FACTORIAL = 3_000
MAX_RANGE = 1_000
MAX_CELLS = 100
MAX_ELEMENTS = 40

_DIGITS = re.compile(r"\d+")
_LONG_NUMBER = re.compile(rf"\d{{{MAX_DIGITS + 1}}}")
_POWER = re.compile(r"(?:\^|\*\*)\s*\{?\s*[-+]?\s*(\d+)")
_POWER_OF_BRACKET = re.compile(r"[)}\]]\s*(?:\^|\*\*)\s*\{?\s*[-+]?\s*(\d+)")
_BOUND = re.compile(r"_\{[^{}]*\}\s*\^")  # of a sum: what follows is no power
_NUMBER_TOWER = re.compile(r"(?:\^|\*\*)\s*[{(]*\s*(\d+)\s*[})]*\s*(?:\^|\*\*)\s*[{(]*\s*(\d+)")
_MARK = re.compile(r"\\[{}()\[\]]|[{}()\[\]^]|\*\*")
_FACTORIAL = re.compile(r"(\d*)\s*([)}\]]*)\s*(!+)(?!=)")
_HEAVY = re.compile(r"\\(?:[di]*int|oint|lim)(?![A-Za-z])")
_RANGED = re.compile(r"\\(?:sum|prod|bigcup|bigcap|d?t?binom|pmod|bmod|mod|choose|lfloor|lceil)(?![A-Za-z])|\bmod\b")


def exceeded(text: str) -> str | None:
    """Gives the name of the first limit that an answer's text passes, None where algebra may look at it."""
    if len(text) > MAX_CHARS:
        return "characters"
    if _LONG_NUMBER.search(text):
        return "digits"
    nesting, tower = _depths(text)
    if nesting > MAX_NESTING:
        return "nesting"
    if tower > MAX_TOWER:
        return "power tower"
    if _RANGED.search(text) and (any(int(n) > MAX_RANGE for n in _DIGITS.findall(text)) or tower > 1):
        return "range"
    if any(int(power) > MAX_EXPONENT for power in _POWER.findall(text)):
        return "exponent"
    bracketed = max(map(int, _POWER_OF_BRACKET.findall(_BOUND.sub("", text))), default=1)
    if bracketed * max(map(int, _POWER.findall(text)), default=1) > 10 * MAX_EXPONENT:
        return "power of powers"
    if any(int(b) * math.log(int(a) or 1) > math.log(MAX_EXPONENT) for a, b in _NUMBER_TOWER.findall(text)):
        return "power tower"
    for digits, brackets, marks in _FACTORIAL.findall(text):
        numbers = [int(n) for n in _DIGITS.findall(text)] if brackets or len(marks) > 1 else [int(digits or 0)]
        if max(numbers, default=0) > MAX_FACTORIAL or (text.count("!") > len(marks) and (brackets or len(marks) > 1)):
            return "factorial"
    if _HEAVY.search(text):
        return "integral or limit"
    if text.count("&") + text.count("\\\\") + 1 > MAX_CELLS:
        return "matrix cells"
    if text.count(",") + 1 > MAX_ELEMENTS:
        return "elements"
    return None


def _depths(text: str) -> tuple[int, int]:
    """Gives how deep brackets nest, and how many powers stand on each other at most."""
    deepest = highest = run = 0
    in_power: list[bool] = []  # per open bracket: it is an exponent
    last, end = "", 0
    for match in _MARK.finditer(text):
        mark, between = match[0], text[end : match.start()].strip()
        if mark in ("^", "**"):
            run = run + 1 if last in ("^", "**") and (between.isdecimal() or len(between) == 1) else 1
            highest = max(highest, sum(in_power) + run)
        elif mark in "{([":
            in_power.append(last in ("^", "**") and not between)
            deepest = max(deepest, len(in_power))
            if deepest > MAX_NESTING:
                break
        elif mark in "})]" and in_power:
            in_power.pop()
        last, end = mark, match.end()
    return deepest, highest
