"""Checks the texts that lists are searched for."""

from services.domain.errors import BadArgument

MAX_SEARCH_LENGTH = 200
"""Characters of a text that names are searched for; names have at most 80."""


def search_text(text: str | None, argument: str, place: str) -> str | None:
    """Returns the text. Raises BadArgument for one that is too long, or that no name contains, such as NUL, which PostgreSQL refuses."""
    if text is not None and (len(text) > MAX_SEARCH_LENGTH or not text.isprintable()):
        raise BadArgument(argument, "OUT_OF_RANGE", f"`{place}` takes at most {MAX_SEARCH_LENGTH} printable characters.")
    return text
