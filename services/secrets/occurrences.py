"""Many byte strings looked for at once, in a time that neither their number nor their length makes long (B16).

A regular expression of all of them takes seconds to compile where they are long, and as long for each piece of a text made to be slow.
"""

import re
from collections.abc import Iterable
from heapq import heapify, heappop, heappush

HEAD_BYTES = 8
TAIL_BYTES = 64


class Needles:
    """What is looked for. Most texts have the first bytes of none of it, which one pass tells."""

    def __init__(self, needles: Iterable[bytes]) -> None:
        self._by_head: dict[int, dict[bytes, list[bytes]]] = {}
        self._begun: set[bytes] = set()
        self.longest = 0
        for needle in set(needles):
            head = needle[:HEAD_BYTES]
            self._by_head.setdefault(len(head), {}).setdefault(head, []).append(needle)
            self._begun.update(needle[:size] for size in range(1, min(len(needle), HEAD_BYTES)))
            self.longest = max(self.longest, len(needle))
        self._heads = {size: _any_of(heads) for size, heads in self._by_head.items()}

    def __bool__(self) -> bool:
        return bool(self._by_head)

    def whose_head_is_in(self, text: bytes) -> list[bytes]:
        """Those that may be in `text`: their first bytes are."""
        found = []
        for size, heads in self._by_head.items():
            found += [needle for head in heads.keys() & set(self._heads[size].findall(text)) for needle in heads[head]]
        return found

    def begins_with(self, rest: bytes) -> bool:
        """Whether some needle does, and goes on; for less than HEAD_BYTES."""
        return rest in self._begun


def _any_of(heads: Iterable[bytes]) -> re.Pattern[bytes]:
    """Finds wherever each byte is that of some head: one step each, however many heads there are."""
    classes = (b"[" + b"".join(re.escape(bytes([value])) for value in sorted(set(column))) + b"]" for column in zip(*heads, strict=True))
    return re.compile(b"(?=(" + b"".join(classes) + b"))", re.DOTALL)


class Occurrences:
    """Where needles are in a text: asked from left to right."""

    def __init__(self, needles: Needles, text: bytes) -> None:
        self._text = text
        self._needles = needles
        self._maybe = needles.whose_head_is_in(text)
        places = ((text.find(needle), needle) for needle in self._maybe)
        self._next = [(place, -len(needle), needle) for place, needle in places if place >= 0]
        heapify(self._next)

    def after(self, start: int) -> tuple[int, int] | None:
        """Begin and end of the first at or after `start`, the longest of those that begin there."""
        while self._next and self._next[0][0] < start:
            _, size, needle = heappop(self._next)
            place = self._text.find(needle, start)
            if place >= 0:
                heappush(self._next, (place, size, needle))
        if not self._next:
            return None
        begin, size, _ = self._next[0]
        return begin, begin - size

    def cut_off(self, start: int) -> int:
        """From where on, at or after `start`, all of the rest of the text is the beginning of a needle, but not all of it; else its end."""
        text = self._text
        if size := max((_overlap(text, needle, len(text) - start) for needle in self._maybe), default=0):
            return len(text) - size
        last = range(max(len(text) - HEAD_BYTES + 1, start), len(text))
        return next((place for place in last if self._needles.begins_with(text[place:])), len(text))


def _overlap(text: bytes, needle: bytes, most: int) -> int:
    """How many bytes at the end of `text`, HEAD_BYTES to `most`, are the beginning of `needle`; the most of them, 0 if none are."""
    most = min(len(needle) - 1, most)
    return _ends_with(text, needle, TAIL_BYTES, most) or _ends_with(text, needle, HEAD_BYTES, min(TAIL_BYTES - 1, most))


def _ends_with(text: bytes, needle: bytes, least: int, most: int) -> int:
    """The same for `least` to `most` bytes: looked for is where the last of them stand in `needle`, which most often is nowhere."""
    last, first = text[-least:], needle[:least]
    while most >= least and (at := needle.rfind(last, 0, most)) >= 0:
        size = at + least
        if text.startswith(first, len(text) - size) and text.endswith(needle[:size]):
            return size
        most = size - 1
    return 0
