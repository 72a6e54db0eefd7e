"""Masks secret values in the output of sessions before it is stored or shown (B16)."""

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

from services.secrets.pattern_search import Occurrences, PatternSet

MIN_LINE_LENGTH = 4
"""Characters of a secret's line, or bytes of its beginning, from which on they are masked. Shorter ones tell little, and masking them
would hide half of the text."""
ELLIPSIS = "…"
UNQUOTED = ("", "/", "!'()*")
"""Characters left as they are where a URL is written: in its parameters, in its path, and by JavaScript."""


def forms(secrets: Iterable[str]) -> list[str]:
    """Returns the forms in which secrets may be printed: plain, line by line, base64, URL-encoded and in JSON; longest first."""
    all_forms = {form for secret in secrets if secret.strip() for form in _forms(secret)}
    return sorted(all_forms, key=len, reverse=True)


def _forms(secret: str) -> Iterator[str]:
    encoded = secret.encode()
    yield secret
    yield from (write(secret, safe=safe) for write in (quote, quote_plus) for safe in UNQUOTED)
    yield from (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])
    yield from (code(encoded).decode().rstrip("=") for code in (b64encode, urlsafe_b64encode))
    yield from (line.strip() for line in secret.splitlines() if len(line.strip()) >= MIN_LINE_LENGTH)


def masked(text: str, secret_forms: list[str], skip: int = 0) -> str:
    """Returns `text` with … for each of `secret_forms`, without its first `skip` characters: those may begin in the middle of a secret."""
    data, searched = text.encode(errors="replace"), 0
    shown, position = [], len(text[:skip].encode(errors="replace"))
    occurrences = Occurrences(PatternSet(form.encode() for form in secret_forms), data)
    while occurrence := occurrences.after(searched):
        begin, searched = occurrence
        if searched > position:
            shown += [data[position : max(begin, position)], ELLIPSIS.encode()]
            position = searched
    return b"".join([*shown, data[position:]]).decode(errors="replace")


class Mask:
    """Masks secrets in a stream of bytes. Bytes that may be the beginning of a secret are held back until more arrive."""

    def __init__(self, secret_forms: list[str]) -> None:
        self._patterns = PatternSet(form.encode() for form in secret_forms)
        self._before = b""  # shown or skipped already, and maybe the first part of a secret
        self._held = b""

    @property
    def max_bytes(self) -> int:
        """The length of the longest form of a secret."""
        return self._patterns.max_bytes

    @property
    def held(self) -> int:
        """How many bytes are held back."""
        return len(self._held)

    def feed(self, data: bytes) -> bytes:
        """Takes the next output, and returns what can be shown of everything up to now."""
        if not self._patterns:
            return data
        text, position, searched = self._before + self._held + data, len(self._before), 0
        shown: list[bytes] = []
        occurrences = Occurrences(self._patterns, text)
        cut = occurrences.cut_off(0)
        while (occurrence := occurrences.after(searched)) and occurrence[0] < cut:
            begin, searched = occurrence
            cut = occurrences.cut_off(searched) if cut < searched else cut
            if searched > position:
                shown += [text[position : max(begin, position)], ELLIPSIS.encode()]
                position = searched
        shown.append(text[position:cut])
        self._before, self._held = text[cut:position], text[max(cut, position) :]
        return b"".join(shown)

    def release(self, *, at_end: bool = False) -> bytes:
        """Returns the bytes held back if nothing follows: a few unchanged, more only `at_end`, and then masked as …."""
        if len(self._before + self._held) < MIN_LINE_LENGTH:
            shown, self._before, self._held = self._held, self._before + self._held, b""
            return shown
        if not at_end:
            return b""
        shown, self._before, self._held = ELLIPSIS.encode() if self._held else b"", b"", b""
        return shown

    def skip(self, data: bytes) -> None:
        """Takes the next output and drops it, with the bytes held back. A secret may begin in it."""
        dropped = self._before + self._held + data
        self._before, self._held = dropped[max(len(dropped) - self.max_bytes + 1, 0) :], b""
