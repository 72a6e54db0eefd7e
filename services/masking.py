"""Secrets taken out of what a tool printed, before anybody is shown it (B16)."""

import json
import re
from base64 import b64encode, urlsafe_b64encode
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from urllib.parse import quote

SHORTEST_LINE = 4
"""Lines of a secret that are shorter say nothing, and would mask half of the text. The same holds for beginnings of one."""
DOTS = "…"
HEAD_BYTES = 16


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
            shown += [text[at : max(found.start(), at)], DOTS]
            at = found.end()
    return "".join([*shown, text[at:]])


class Mask:
    """The same for output that comes in pieces and need not be text: what may be the beginning of a secret is held back."""

    def __init__(self, secret_forms: list[str]) -> None:
        self._forms = sorted((form.encode() for form in secret_forms), key=len, reverse=True)
        self.longest = len(self._forms[0]) if self._forms else 0
        self._whole = re.compile(b"|".join(map(re.escape, self._forms)))
        self._heads = re.compile(b"(?=" + b"|".join(re.escape(form[:HEAD_BYTES]) for form in self._forms) + b")")
        self._before = b""  # shown or skipped already, and maybe the first part of a secret
        self._held = b""

    @property
    def held(self) -> int:
        """How many bytes wait for what comes after them."""
        return len(self._held)

    def feed(self, data: bytes) -> bytes:
        """What can be shown of all that came."""
        if not self._forms:
            return data
        text, at, searched = self._before + self._held + data, len(self._before), 0
        shown: list[bytes] = []
        beginnings = self._beginnings(text)
        while True:
            later = bisect_left(beginnings, searched)
            cut = beginnings[later] if later < len(beginnings) else len(text)
            found = self._whole.search(text, searched)
            if found is None or found.start() >= cut:
                break
            searched = found.end()
            if searched > at:
                shown += [text[at : max(found.start(), at)], DOTS.encode()]
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

    def _beginnings(self, text: bytes) -> list[int]:
        """From where on all of the rest is the beginning of a secret, but not all of it."""
        first = max(len(text) - self.longest + 1, 0)
        sure = max(len(text) - HEAD_BYTES, first)
        places = [*(found.start() for found in self._heads.finditer(text, first) if found.start() < sure), *range(sure, len(text))]
        return [place for place in places if self._begins(memoryview(text)[place:])]

    def _begins(self, rest: memoryview) -> bool:
        return any(len(rest) < len(form) and form.startswith(rest) for form in self._forms)
