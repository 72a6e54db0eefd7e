"""Secrets taken out of what a tool printed, before anybody is shown it (B16)."""

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from urllib.parse import quote

SHORTEST_LINE = 4
"""Lines of a secret that are shorter say nothing, and would mask half of the text."""


def forms(secrets: Iterable[str]) -> list[str]:
    """How secrets may be printed: as they are, line by line, in base64, and as URLs and JSON write them; longest first."""
    found = {form for secret in secrets if secret.strip() for form in _forms(secret)}
    return sorted(found, key=len, reverse=True)


def _forms(secret: str) -> Iterator[str]:
    encoded = secret.encode()
    yield from (secret, quote(secret, safe=""), json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])
    yield from (code(encoded).decode().rstrip("=") for code in (b64encode, urlsafe_b64encode))
    yield from (line.strip() for line in secret.splitlines() if len(line.strip()) >= SHORTEST_LINE)


def masked(text: str, secret_forms: list[str], skip: int = 0) -> str:
    """`text` with … for each of `secret_forms`, without its first `skip` characters: those may begin in the middle of a secret."""
    if not secret_forms:
        return text[skip:]
    shown, at = [], skip
    for found in re.finditer("|".join(map(re.escape, secret_forms)), text):
        if found.end() > skip:
            shown += [text[at : max(found.start(), at)], "…"]
            at = found.end()
    return "".join([*shown, text[at:]])
