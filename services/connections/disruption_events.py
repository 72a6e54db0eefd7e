"""Telling connected users that a right they used is gone (B57)."""

from collections.abc import Iterable

from services.domain.actor import Actor
from services.domain.event_payloads import ConnectionFailed
from services.domain.events import NewEvent
from services.domain.statuses import ConnectionErrorCode
from services.store.disruptions import OpenConnection


def access_revoked(connections: Iterable[OpenConnection], actor: Actor, reason: str, token_id: str | None = None) -> list[NewEvent]:
    """One connection error for each session that a user has open; `token_id` narrows it to what was opened by that token."""
    return [
        ConnectionFailed(ConnectionErrorCode.ACCESS_REVOKED, reason, False, connection.session_number, token_id).event(
            actor, connection.studio_id, connection.studio_name, connection.user_id
        )
        for connection in connections
    ]
