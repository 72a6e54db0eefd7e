"""What the connections of one listening port share: the scheduler of frames, and the bounds on memory."""

from dataclasses import dataclass, field
from typing import Protocol

from connect.frame_scheduler import FrameScheduler
from connect.message_budget import MessageBudget
from connect.requests import Scope

CONNECTION_EXTENSION = "studiograph.connection"
DEFAULT_MESSAGE_MEMORY = 128 * 1024 * 1024
UNAUTHORIZED_SHARE = 8
"""The part of the memory for unfinished messages that clients without a session share: one of so many."""


def _budget(share: int = 1) -> MessageBudget:
    return MessageBudget(DEFAULT_MESSAGE_MEMORY // share)


@dataclass(frozen=True, slots=True)
class PortLimits:
    """Shared by all connections, and by those that the proxy opens to tools for them."""

    frames: FrameScheduler = field(default_factory=FrameScheduler)
    messages: MessageBudget = field(default_factory=_budget)
    unauthorized_messages: MessageBudget = field(default_factory=lambda: _budget(UNAUTHORIZED_SHARE))

    @classmethod
    def of(cls, message_memory: int) -> "PortLimits":
        """Returns limits whose unfinished messages take `message_memory` bytes at most, besides those of unauthorized clients."""
        return cls(messages=MessageBudget(message_memory), unauthorized_messages=MessageBudget(message_memory // UNAUTHORIZED_SHARE))


class ServedConnection(Protocol):
    """A connection of the port, as the application sees it in the extensions of a scope."""

    limits: PortLimits

    def admit(self) -> None:
        """Gives the connection the limits of a client that was admitted to a session."""


def admit(scope: Scope) -> PortLimits:
    """Admits the connection of a request, and returns what it shares with others. Without our server's protocols nothing is shared."""
    connection: ServedConnection | None = (scope.get("extensions") or {}).get(CONNECTION_EXTENSION)
    if connection is None:
        return PortLimits()
    connection.admit()
    return connection.limits
