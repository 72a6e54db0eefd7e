"""Checks and rebuilds paths of a session's origin, so that no link leads elsewhere (docs/architecture.md#the-data-plane)."""

import re
from urllib.parse import quote, unquote

MAX_LENGTH = 2048
_BAD = re.compile(r"[\\\x00-\x20\x7f]")
_SAFE = "/:@!$&'()*+,;=-._~?%"


def relative_path(text: str | None) -> str:
    """`text` as path and query on the same origin, rebuilt; `/` for whatever is not plainly that.

    Refused are other sites in any disguise (`//host`, `/\\host`, schemes), control characters, blanks, dot segments, and our own prefix,
    also when percent-encoded, once or more.
    """
    if not text or len(text) > MAX_LENGTH:
        return "/"
    path, mark, query = text.partition("#")[0].partition("?")
    decoded = _fully_decoded(path)
    if not decoded or not _is_plain(decoded):
        return "/"
    return quote(path, safe=_SAFE) + (f"?{quote(query, safe=_SAFE)}" if mark else "")


def _is_plain(path: str) -> bool:
    segments = path.split("/")
    return (
        path.startswith("/")
        and not path.startswith("//")
        and not _BAD.search(path.replace(" ", "_"))
        and not {".", ".."} & set(segments)
        and segments[1] != "_sg"
    )


def _fully_decoded(path: str) -> str | None:
    """Decoded until nothing is left to decode; None when somebody plays games."""
    for _ in range(3):
        decoded = unquote(path)
        if decoded == path:
            return path
        path = decoded
    return None
