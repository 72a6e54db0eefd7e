"""Makes the events by which connected users learn that they lost a right (B57)."""

from collections.abc import Iterable

from services.domain.actor import Actor
from services.domain.event_payloads import ConnectionFailed
from services.domain.events import NewEvent
from services.domain.statuses import ConnectionErrorCode
from services.store.disruptions import OpenConnection


def access_revoked(connections: Iterable[OpenConnection], actor: Actor, reason: str, token_id: str | None = None) -> list[NewEvent]:
    """Returns a connection error for each open connection; with a `token_id` it ends only those that were opened by that token."""
    return [
        ConnectionFailed(ConnectionErrorCode.ACCESS_REVOKED, reason, False, connection.session_number, token_id).event(
            actor, connection.studio_id, connection.studio_name, connection.user_id
        )
        for connection in connections
    ]
