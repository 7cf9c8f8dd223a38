"""Prompt formats: how a prompt becomes the raw text that a teacher continues."""

from catalog.errors import UserError

FORMATS = {
    "plain": "{prompt}",
    "chatml": "<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n",
    # Without the begin-of-sentence mark of DeepSeek's template: the tokenizer of a completions endpoint adds it.
    "deepseek": "<｜User｜>{prompt}<｜Assistant｜>",
}
"""The formats that have a name; `{prompt}` is where the prompt goes."""


def check(format: str) -> None:
    """Raises UserError where `format` is neither a known name nor a text with `{prompt}` in it."""
    if format not in FORMATS and "{prompt}" not in format:
        raise UserError(
            f"The teacher's format {format!r} is unknown: use {', '.join(FORMATS)}, or a text with {{prompt}} in it."
        )


def render(format: str, prompt: str, thinking: tuple[str, str] | None) -> str:
    """Gives the raw text to continue.

    `format` is a name of FORMATS or a text of one's own with `{prompt}` in it. With `thinking` (its opening and closing
    delimiter) the text ends with the opening one and a newline, so that the reasoning starts at once. The prompt is put
    in as it is: braces in it mean nothing. Raises UserError for an unknown format.
    """
    check(format)
    text = FORMATS.get(format, format).replace("{prompt}", prompt)
    return f"{text}{thinking[0]}\n" if thinking else text
