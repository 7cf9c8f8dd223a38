r"""Units behind a number: `5\text{ cm}`, `125 miles`, `12\,\mathrm{m}^2`.

An answer without its unit is right; an answer in another unit is not. Only units that are known to differ tell answers
apart, so that `5 apples` is 5 pieces of fruit.
"""

import re

_NAMES = {
    "mm": "mm millimeter millimetre",
    "cm": "cm centimeter centimetre",
    "m": "m meter metre",
    "km": "km kilometer kilometre",
    "in": "in inch inche",
    "ft": "ft foot feet",
    "yd": "yd yard",
    "mi": "mi mile",
    "s": "s sec second",
    "min": "min minute",
    "h": "h hr hour",
    "day": "day",
    "week": "week",
    "month": "month",
    "year": "year yr",
    "mg": "mg milligram",
    "g": "g gram",
    "kg": "kg kilogram",
    "lb": "lb pound",
    "oz": "oz ounce",
    "ml": "ml milliliter millilitre",
    "l": "l liter litre",
    "cent": "cent",
    "dollar": "dollar buck",
    "degree": "degree deg",
    "radian": "radian rad",
    "mph": "mph",
}
_KNOWN = {name: unit for unit, names in _NAMES.items() for name in names.split()}
_POWERS = {"square": "2", "sq": "2", "cubic": "3", "cu": "3"}

_COMMAND = r"\\(?:text(?:normal|bf|it|rm|up)?|mathrm|mbox|operatorname)"
_NO_UNIT = r"(?!\s*(?:is|are|if|when|where|for|or|and|mod|to|only|does)\b)"
_POWER = r"(?:\s*\^\s*\{?\s*([23])\s*\}?)?"
_IN_COMMAND = re.compile(rf"(?<=[\d}}%])\s*{_COMMAND}\s*\{{({_NO_UNIT}[^{{}}\d]*(?:\^[23])?[^{{}}\d]*)\}}{_POWER}$")
_BEHIND_LETTERS = re.compile(
    rf"(?<=[A-Za-z)])\s*{_COMMAND}\s*\{{\s*((?:square |sq\.? ?|cubic )?[A-Za-z]+)\.?(?:\^\{{?[23]\}}?)?\s*\}}{_POWER}$"
)
_WORDS = re.compile(
    r"(?<=[\d}])\s+(?!sqrt|infty)((?:square |sq\.? |cubic )?(?:[A-Za-z]{4,}|[cmk]m|[mk]?g|ft|in|mph|lbs?|oz"
    r"|sec|min|hrs?|yd|m[lL]|days?|sq)(?: [A-Za-z]{2,})*)" + _POWER + "$"
)


def split_unit(text: str) -> tuple[str, str | None]:
    """Gives an answer without the unit behind its last digit or brace, and the unit: None where there is none.

    The unit is a name that all ways of writing it share where it is a known one, else an empty text.
    """
    match = _IN_COMMAND.search(text) or _WORDS.search(text)
    if match is None:
        match = _BEHIND_LETTERS.search(text)
        if match is None or not _name(match[1], match[2]):
            return text, None
    rest = text[: match.start()].rstrip()
    return (rest, _name(match[1], match[2])) if rest else (text, None)


def differ(a: str | None, b: str | None) -> bool:
    """Tells whether two units are known and not the same."""
    return bool(a and b and a != b)


def _name(words: str, power: str | None) -> str:
    """Gives the shared name of a unit, an empty text where it is not known."""
    power = power or ("2" if "^2" in words else "3" if "^3" in words else "")
    found = [word.casefold().rstrip(".") for word in words.replace("^2", " ").replace("^3", " ").split()]
    if found and found[0] in _POWERS:
        power = _POWERS[found.pop(0)]
    if len(found) != 1:
        return ""
    unit = _KNOWN.get(found[0]) or _KNOWN.get(found[0].removesuffix("s"))
    return f"{unit}{power}" if unit else ""
