"""Checks and rebuilds paths of a session's origins, so that no link leads elsewhere (docs/architecture.md#the-data-plane)."""

import re
from urllib.parse import quote, unquote

MAX_PATH_LENGTH = 2048
_FORBIDDEN_CHARACTERS = re.compile(r"[\\\x00-\x20\x7f]")
_UNQUOTED_CHARACTERS = "/:@!$&'()*+,;=-._~?%"


def relative_path(text: str | None) -> str:
    """Returns `text` as a path and query of the same origin; `/` for any other text.

    Refused are addresses of other sites (`//host`, `/\\host`, schemes), control characters, blanks, dot segments, and the reserved prefix
    `/_sg`, also where they are percent-encoded, once or several times.
    """
    if not text or len(text) > MAX_PATH_LENGTH:
        return "/"
    path, separator, query = text.partition("#")[0].partition("?")
    decoded = _fully_decoded(path)
    if not decoded or not _is_plain(decoded):
        return "/"
    return quote(path, safe=_UNQUOTED_CHARACTERS) + (f"?{quote(query, safe=_UNQUOTED_CHARACTERS)}" if separator else "")


def _is_plain(path: str) -> bool:
    segments = path.split("/")
    return (
        path.startswith("/")
        and not path.startswith("//")
        and not _FORBIDDEN_CHARACTERS.search(path.replace(" ", "_"))
        and not {".", ".."} & set(segments)
        and segments[1] != "_sg"
    )


def _fully_decoded(path: str) -> str | None:
    """Returns the path decoded until it no longer changes; None if three times are not enough, which no honest link needs."""
    for _ in range(3):
        decoded = unquote(path)
        if decoded == path:
            return path
        path = decoded
    return None
