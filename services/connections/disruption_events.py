"""Telling connected users that a right they used is gone (B57)."""

from collections.abc import Iterable

from services.domain.actor import Actor
from services.domain.events import Kind, NewEvent
from services.domain.statuses import ConnectionErrorCode
from services.store.disruptions import OpenConnection


def access_revoked(connections: Iterable[OpenConnection], actor: Actor, reason: str, token_id: str | None = None) -> list[NewEvent]:
    """One connection error for each session that a user has open; `token_id` narrows it to what was opened by that token."""
    return [
        NewEvent(
            Kind.CONNECTION_ERROR,
            actor,
            {
                "code": ConnectionErrorCode.ACCESS_REVOKED.value,
                "reason": reason,
                "retryable": False,
                "session_number": connection.session_number,
                "token_id": token_id,
            },
            studio_id=connection.studio_id,
            studio_name=connection.studio_name,
            user_id=connection.user_id,
        )
        for connection in connections
    ]
