"""Names as people type them, and the keys by which they are compared and sorted."""

import unicodedata


def name_key(name: str) -> str:
    """The uniqueness and sort key of a name: NFC, casefolded, outer blanks removed."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name.strip()).casefold())
