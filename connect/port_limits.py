"""What the connections of one listening port share: the scheduler of frames, and the bounds on memory and on anonymous clients."""

from dataclasses import dataclass, field
from typing import Protocol

from connect.anonymous_connections import MAX_CONNECTIONS, MAX_CONNECTIONS_PER_ADDRESS, AnonymousConnections
from connect.frame_scheduler import FrameScheduler
from connect.message_budget import MessageBudget
from connect.requests import Scope
from services.connections.served_connection import CONNECTION_EXTENSION, ServedConnection

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

    anonymous: AnonymousConnections = field(default_factory=AnonymousConnections)

    @classmethod
    def of(
        cls, message_memory: int, max_anonymous: int = MAX_CONNECTIONS, max_anonymous_per_address: int = MAX_CONNECTIONS_PER_ADDRESS
    ) -> "PortLimits":
        """Returns limits whose unfinished messages take `message_memory` bytes at most, besides those of unauthorized clients."""
        return cls(
            messages=MessageBudget(message_memory),
            unauthorized_messages=MessageBudget(message_memory // UNAUTHORIZED_SHARE),
            anonymous=AnonymousConnections(max_anonymous, max_anonymous_per_address),
        )


class PortConnection(ServedConnection, Protocol):
    """A connection of the port, as the data plane sees it in the extensions of a scope."""

    limits: PortLimits

    def admit(self) -> None:
        """Gives the connection the limits of a client that was admitted to a session, which has authenticated."""


def admit(scope: Scope) -> PortLimits:
    """Admits the connection of a request, and returns what it shares with others. Without our server's protocols nothing is shared."""
    connection: PortConnection | None = (scope.get("extensions") or {}).get(CONNECTION_EXTENSION)
    if connection is None:
        return PortLimits()
    connection.admit()
    return connection.limits
