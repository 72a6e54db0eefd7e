"""Formats errors, tool output and times for status messages."""

import re
from datetime import timedelta

MAX_LENGTH = 1000
"""Characters of a described error: a status message stays short enough for a list."""
TERMINAL_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
"""The escape sequences by which programs colour text and move the cursor."""


def describe_error(error: Exception | str) -> str:
    """Returns the text of an error, shortened, without terminal escapes and control characters."""
    text = TERMINAL_ESCAPES.sub("", str(error)).replace("\r\n", "\n")
    printable = "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text[: MAX_LENGTH + 1])
    return printable if len(printable) <= MAX_LENGTH else f"{printable[:MAX_LENGTH]}…"


def error_sentence(error: Exception | str) -> str:
    """Returns the text of an error as a sentence of its own, with a capital and a full stop."""
    text = describe_error(error)
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", "…", "!", "?")) else ".")


def duration_text(duration: timedelta) -> str:
    """Returns whole minutes as "10 min", and any other time in seconds, as "90 s"."""
    seconds = duration.total_seconds()
    return f"{seconds:g} s" if seconds % 60 else f"{seconds / 60:g} min"
