"""Bounds the memory that unfinished WebSocket messages of all connections take together."""

from typing import Protocol


class MessageHolder(Protocol):
    """A connection that holds the bytes of a message whose end has not come."""

    def drop_unfinished(self) -> None:
        """Drops the bytes, and closes the connection with 1013."""


class MessageBudget:
    """Counts what each connection holds. Over `max_bytes`, the connection that holds most is closed, so that small messages pass."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._held: dict[MessageHolder, int] = {}
        self._total = 0

    @property
    def held_bytes(self) -> int:
        """The bytes that all connections hold."""
        return self._total

    def hold(self, holder: MessageHolder, size: int) -> None:
        """Records that the connection holds `size` bytes now."""
        self._record(holder, size)
        while self._total > self._max_bytes:
            largest = max(self._held, key=self._held.__getitem__)
            self._record(largest, 0)
            largest.drop_unfinished()

    def release(self, holder: MessageHolder) -> None:
        """Records that the connection holds nothing any more."""
        self._record(holder, 0)

    def _record(self, holder: MessageHolder, size: int) -> None:
        self._total += size - self._held.pop(holder, 0)
        if size:
            self._held[holder] = size
