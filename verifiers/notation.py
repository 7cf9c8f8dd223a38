r"""Ways of writing the same mathematics, brought to one: Unicode, TeX spacing and sizes, currency, degree signs.

`tidy` leaves the mathematics as it is and takes away what only dresses it; `squeeze` goes on to a form in which two
answers that differ in spaces and text commands alone are the same characters.
"""

import re

_MARKS = {
    **dict.fromkeys("−‐‑‒–﹣－", "-"),
    **dict.fromkeys("\u00a0\u2002\u2003\u2004\u2005\u2007\u3000", " "),
    **dict.fromkeys("\u2006\u2008\u2009\u200a\u202f\u205f", "\\,"),
    **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u2061\u2062", ""),
    **dict(
        zip(
            "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞",
            ["12", "13", "23", "14", "34", "15", "25", "35", "45", "16", "56", "18", "38", "58", "78"],
            strict=True,
        )
    ),
    "×": "\\times ",
    "÷": "/",
    "∕": "/",
    "⁄": "/",
    "·": "\\cdot ",
    "⋅": "\\cdot ",
    "∙": "\\cdot ",
    "∗": "*",
    "±": "\\pm ",
    "∓": "\\mp ",
    "≤": "\\leq ",
    "≥": "\\geq ",
    "⩽": "\\leq ",
    "⩾": "\\geq ",
    "≠": "\\neq ",
    "≈": "\\approx ",
    "∞": "\\infty ",
    "∪": "\\cup ",
    "∩": "\\cap ",
    "∈": "\\in ",
    "∅": "\\emptyset ",
    "⟨": "\\langle ",
    "⟩": "\\rangle ",
    "ℝ": "\\mathbb{R}",
    "ℤ": "\\mathbb{Z}",
    "‰": "/1000",
    "％": "%",
    "，": ",",
    "．": ".",
    "（": "(",
    "）": ")",
    "：": ":",
    "；": ";",
    "＝": "=",
    "＋": "+",
    "′": "'",
    "’": "'",
}
_FRACTIONS = frozenset("½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞")
_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "η": "eta", "θ": "theta",
    "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma",
    "τ": "tau", "φ": "varphi", "ϕ": "phi", "χ": "chi", "ψ": "psi", "ω": "omega", "Γ": "Gamma", "Δ": "Delta",
    "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma", "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega",
}  # fmt: skip
_UNICODE = str.maketrans(
    {mark: f"\\frac{{{to[0]}}}{{{to[1:]}}}" if mark in _FRACTIONS else to for mark, to in _MARKS.items()}
    | {letter: f"\\{name} " for letter, name in _GREEK.items()}
    | {chr(0xFF10 + digit): str(digit) for digit in range(10)}
)
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿ", "0123456789+-()n")
_LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉₊₋", "0123456789+-")
_SUPERSCRIPT = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿ]+")
_SUBSCRIPT = re.compile("[₀₁₂₃₄₅₆₇₈₉₊₋]+")
_RADICAL = re.compile(r"([√∛∜])\s*(?:\(([^()]*)\)|(\d+(?:\.\d+)?|[A-Za-z]|\\[a-z]+))")
_ROOTS = {"√": "\\sqrt", "∛": "\\sqrt[3]", "∜": "\\sqrt[4]"}

_WRAPPERS = re.compile(
    r"\\(?:left|right|displaystyle|textstyle|limits|quad|qquad|[bB]igg?[lrm]?)(?![A-Za-z])"
    r"|(?<!\\)\\(?:!\s*|[,;:> ()\[\]])|\\?\$|\\(?:text)?dollar(?![A-Za-z])|\*\*|[€£¥₹~]"
    r"|(?<!\\)\{\}"
)
_GROUPED = re.compile(r",\s?\\!\s*")
_SPACES = frozenset(("\\ ", "~", "\\;", "\\quad", "\\qquad"))
_DEGREES = re.compile(
    r"\s*(?:\^\s*\{?\s*\\circ\s*\}?|°|\\degree(?![A-Za-z])|\\circ$)(?:\s*(?:\\(?:text|mathrm)\s*\{\s*[CF]\s*\}|[CF]\b))?"
    r"(\s*,)?"
)
_ORDINAL = re.compile(r"(?<=\d)\s*\^?\{?\s*(?:\\(?:text|mathrm|rm|textsuperscript)\s*)?\{?(?:st|nd|rd|th)\}{0,2}$")
TEXT_COMMANDS = (
    r"\\(?:text(?:normal|bf|it|rm|up|sf|tt)?|mathrm|mathbf|mathit|mathsf|boldsymbol|bm|mbox|operatorname\*?)"
)
_TEXT = re.compile(TEXT_COMMANDS + r"\s*\{([^{}]*)\}")
_FONT = re.compile(r"\\(?:mathbf|mathrm|boldsymbol|bm|textbf|text|mathit)\s*\{\s*([-+]?[\d.,/ ]*\d)\s*\}")
_LEADING = re.compile(r"(?:=|\\approx(?![A-Za-z])|\\sim(?![A-Za-z])|(?:approximately|about|roughly)\s)\s*")
_OVER = re.compile(r"\{([^{}]{1,200})\\over(?![A-Za-z])([^{}]{1,200})\}")
_CURRENCY = re.compile(r"\b(?:USD|EUR|GBP)\b\s*|\s*\b(?:USD|EUR|GBP)\b")


def tidy(text: str) -> str:
    r"""Gives an answer without what only dresses it: `$`, spacing, `\left`, degree signs, a final full stop."""
    if text.isascii():
        if text.isdecimal():
            return text
    else:
        text = _from_unicode(text)
    text = " ".join(text.split())  # no runs of spaces: patterns stay linear
    if "{,}" in text:
        text = re.sub(r"(?<=\d)\{,\}(?=\d{3}(?!\d))", "", text).replace("{,}", ".")
    if "\\" in text:
        for long, short in (("\\dfrac", "\\frac"), ("\\tfrac", "\\frac"), ("\\cfrac", "\\frac"), ("\\lbrace", "\\{")):
            if long in text:
                text = text.replace(long, short)
        if "\\over" in text:
            text = _OVER.sub(r"\\frac{\1}{\2}", text)
        text = text.replace("\\rbrace", "\\}")
    if "\\circ" in text or "°" in text or "\\degree" in text:
        text = _DEGREES.sub(lambda m: ", " if m[1] else " ", text)
    text = _GROUPED.sub(",", text) if "\\!" in text else text
    text = _WRAPPERS.sub(lambda m: " " if m[0] in _SPACES else "", text).strip()
    if "{" in text:
        text = _FONT.sub(r"\1", text)
    elif text[-3:].isupper() or text[:3].isupper():
        text = _CURRENCY.sub("", text)
    text = text.rstrip(".,; ") if text.endswith((".", ",", ";")) else text
    leading = _LEADING.match(text)
    text = text[leading.end() :] if leading else text
    return _ORDINAL.sub("", text) if text.endswith(("st", "nd", "rd", "th", "}")) else text


def squeeze(tidied: str) -> str:
    r"""Gives a text in which two answers that differ in spaces, braces of one character and text commands are equal."""
    text = _TEXT.sub(r"\1", tidied)
    text = re.sub(r"\s+(?![A-Za-z])|(?<![A-Za-z])\s+", "", text)
    return re.sub(r"([_^])\{(\w)\}", r"\1\2", text)


def _from_unicode(text: str) -> str:
    text = _SUPERSCRIPT.sub(lambda m: f"^{{{m[0].translate(_RAISED)}}}", text)
    text = _SUBSCRIPT.sub(lambda m: f"_{{{m[0].translate(_LOWERED)}}}", text)
    text = text.translate(_UNICODE)
    return _RADICAL.sub(lambda m: f"{_ROOTS[m[1]]}{{{m[2] or m[3]}}}", text)
