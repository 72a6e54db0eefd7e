"""Secrets taken out of what a tool printed, before anybody is shown it (B16)."""

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

from services.secrets.occurrences import Needles, Occurrences

SHORTEST_LINE = 4
"""Lines of a secret that are shorter say nothing, and would mask half of the text. The same holds for beginnings of one."""
DOTS = "…"
UNQUOTED = ("", "/", "!'()*")
"""What is left as it is where a URL is written: in its parameters, in its path, and by JavaScript."""


def forms(secrets: Iterable[str]) -> list[str]:
    """How secrets may be printed: as they are, line by line, in base64, and as URLs and JSON write them; longest first."""
    found = {form for secret in secrets if secret.strip() for form in _forms(secret)}
    return sorted(found, key=len, reverse=True)


def _forms(secret: str) -> Iterator[str]:
    encoded = secret.encode()
    yield secret
    yield from (write(secret, safe=safe) for write in (quote, quote_plus) for safe in UNQUOTED)
    yield from (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])
    yield from (code(encoded).decode().rstrip("=") for code in (b64encode, urlsafe_b64encode))
    yield from (line.strip() for line in secret.splitlines() if len(line.strip()) >= SHORTEST_LINE)


def masked(text: str, secret_forms: list[str], skip: int = 0) -> str:
    """`text` with … for each of `secret_forms`, without its first `skip` characters: those may begin in the middle of a secret."""
    data, searched = text.encode(errors="replace"), 0
    shown, at = [], len(text[:skip].encode(errors="replace"))
    occurrences = Occurrences(Needles(form.encode() for form in secret_forms), data)
    while found := occurrences.after(searched):
        begin, searched = found
        if searched > at:
            shown += [data[at : max(begin, at)], DOTS.encode()]
            at = searched
    return b"".join([*shown, data[at:]]).decode(errors="replace")


class Mask:
    """The same for output that comes in pieces and need not be text: what may be the beginning of a secret is held back."""

    def __init__(self, secret_forms: list[str]) -> None:
        self._needles = Needles(form.encode() for form in secret_forms)
        self.longest = self._needles.longest
        self._before = b""  # shown or skipped already, and maybe the first part of a secret
        self._held = b""

    @property
    def held(self) -> int:
        """How many bytes wait for what comes after them."""
        return len(self._held)

    def feed(self, data: bytes) -> bytes:
        """What can be shown of all that came."""
        if not self._needles:
            return data
        text, at, searched = self._before + self._held + data, len(self._before), 0
        shown: list[bytes] = []
        occurrences = Occurrences(self._needles, text)
        cut = occurrences.cut_off(0)
        while (found := occurrences.after(searched)) and found[0] < cut:
            begin, searched = found
            cut = occurrences.cut_off(searched) if cut < searched else cut
            if searched > at:
                shown += [text[at : max(begin, at)], DOTS.encode()]
                at = searched
        shown.append(text[at:cut])
        self._before, self._held = text[cut:at], text[max(cut, at) :]
        return b"".join(shown)

    def release(self, *, at_end: bool = False) -> bytes:
        """What was held back, since nothing came after it: a few bytes are shown, more only as … when it is the end."""
        if len(self._before + self._held) < SHORTEST_LINE:
            shown, self._before, self._held = self._held, self._before + self._held, b""
            return shown
        if not at_end:
            return b""
        shown, self._before, self._held = DOTS.encode() if self._held else b"", b"", b""
        return shown

    def skip(self, data: bytes) -> None:
        """`data` comes next and is not shown, nor is what was held back; a secret may begin in it."""
        last = self._before + self._held + data
        self._before, self._held = last[max(len(last) - self.longest + 1, 0) :], b""
