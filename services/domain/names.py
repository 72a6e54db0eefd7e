"""Derives the keys by which names are compared and sorted."""

import unicodedata


def name_key(name: str) -> str:
    """Returns the uniqueness and sort key of a name: NFC, casefolded, without outer blanks."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name.strip()).casefold())
