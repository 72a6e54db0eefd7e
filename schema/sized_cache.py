"""A cache of limited size that keeps what was used last."""

from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")


class SizedCache(Generic[T]):
    """Values by the hash of a text: at most `count` of them, whose sizes add up to `size` at most."""

    def __init__(self, *, count: int, size: int) -> None:
        self._count = count
        self._size = size
        self._held = 0
        self._entries: OrderedDict[bytes, tuple[T, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: bytes) -> T | None:
        """Returns the value, which becomes the last used one; None if there is none."""
        if key not in self._entries:
            return None
        self._entries.move_to_end(key)
        return self._entries[key][0]

    def put(self, key: bytes, value: T, size: int) -> None:
        """Keeps the value, and drops those that were not used for longest until the rest fits."""
        _, replaced = self._entries.pop(key, (None, 0))
        self._held -= replaced
        self._entries[key] = value, size
        self._held += size
        while len(self._entries) > self._count or self._held > self._size:
            _, (_, dropped) = self._entries.popitem(last=False)
            self._held -= dropped
