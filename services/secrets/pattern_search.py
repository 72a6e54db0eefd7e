"""Finds many byte patterns in a text at once, in a time linear in the text, however many and however long the patterns are (B16).

An Aho-Corasick automaton (`ahocorasick-rs`, docs/adr/0018-pattern-search.md) finds the first bytes of every pattern. Most texts hold
none of them. Only the patterns whose first bytes are in the text are then searched as a whole. The automaton does not hold whole patterns:
it needs about 36 bytes of memory for each byte of a pattern, and the secrets of one session can be 100 values of 32 KiB in ten forms.
"""

from collections.abc import Iterable
from heapq import heapify, heappop, heappush

from ahocorasick_rs import BytesAhoCorasick, Implementation

HEAD_BYTES = 8
"""How many first bytes of a pattern the automaton holds. It also limits the automaton's answer: 8 matches at each byte of the text."""
TAIL_BYTES = 64
"""The length of the piece by which a long common part of a text's end and a pattern's beginning is searched, before HEAD_BYTES is tried."""


class PatternSet:
    """The patterns of a search, none of them empty. `max_bytes` is the length of the longest one."""

    def __init__(self, patterns: Iterable[bytes]) -> None:
        self._by_head: dict[bytes, list[bytes]] = {}
        self._proper_beginnings: set[bytes] = set()
        self.max_bytes = 0
        for pattern in set(patterns):
            self._by_head.setdefault(pattern[:HEAD_BYTES], []).append(pattern)
            self._proper_beginnings.update(pattern[:size] for size in range(1, min(len(pattern), HEAD_BYTES)))
            self.max_bytes = max(self.max_bytes, len(pattern))
        self._heads = list(self._by_head)
        self._automaton = BytesAhoCorasick(self._heads, implementation=Implementation.ContiguousNFA)

    def __bool__(self) -> bool:
        return bool(self._heads)

    def candidates(self, text: bytes) -> list[bytes]:
        """Returns the patterns whose first bytes are in `text`: no other pattern can be in it."""
        heads = {index for index, _, _ in self._automaton.find_matches_as_indexes(text, overlapping=True)}
        return [pattern for index in heads for pattern in self._by_head[self._heads[index]]]

    def continues(self, rest: bytes) -> bool:
        """Returns whether some pattern begins with `rest` and is longer. `rest` has less than HEAD_BYTES bytes."""
        return rest in self._proper_beginnings


class Occurrences:
    """The occurrences of patterns in one text, asked for from left to right."""

    def __init__(self, patterns: PatternSet, text: bytes) -> None:
        self._text = text
        self._patterns = patterns
        self._candidates = patterns.candidates(text)
        begins = ((text.find(pattern), pattern) for pattern in self._candidates)
        self._next = [(begin, -len(pattern), pattern) for begin, pattern in begins if begin >= 0]
        heapify(self._next)

    def after(self, start: int) -> tuple[int, int] | None:
        """Returns begin and end of the first occurrence at or after `start`, the longest that begins there; None if there is none."""
        while self._next and self._next[0][0] < start:
            _, negative_size, pattern = heappop(self._next)
            begin = self._text.find(pattern, start)
            if begin >= 0:
                heappush(self._next, (begin, negative_size, pattern))
        if not self._next:
            return None
        begin, negative_size, _ = self._next[0]
        return begin, begin - negative_size

    def cut_off(self, start: int) -> int:
        """Returns the first index at or after `start` from which the whole rest of the text is a proper beginning of a pattern.

        Returns the text's length if there is none. What comes next may complete a pattern from this index on.
        """
        text = self._text
        if size := max((_overlap(text, pattern, len(text) - start) for pattern in self._candidates), default=0):
            return len(text) - size
        last = range(max(len(text) - HEAD_BYTES + 1, start), len(text))
        return next((index for index in last if self._patterns.continues(text[index:])), len(text))


def _overlap(text: bytes, pattern: bytes, max_size: int) -> int:
    """Returns how many bytes at the end of `text` are a proper beginning of `pattern`: HEAD_BYTES to `max_size`, 0 if none."""
    max_size = min(len(pattern) - 1, max_size)
    return _longest_overlap(text, pattern, TAIL_BYTES, max_size) or _longest_overlap(
        text, pattern, HEAD_BYTES, min(TAIL_BYTES - 1, max_size)
    )


def _longest_overlap(text: bytes, pattern: bytes, min_size: int, max_size: int) -> int:
    """The same for `min_size` to `max_size`. Searches in `pattern` for the last `min_size` bytes of `text`, which are rarely there."""
    last, first = text[-min_size:], pattern[:min_size]
    while max_size >= min_size and (index := pattern.rfind(last, 0, max_size)) >= 0:
        size = index + min_size
        if text.startswith(first, len(text) - size) and text.endswith(pattern[:size]):
            return size
        max_size = size - 1
    return 0
