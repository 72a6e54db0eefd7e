"""The tables of the event log, which is also the outbox: streams and their events."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from services.store.tables import columns

SESSION_END = "kind = 'connection.error' AND user_id IS NULL"
"""The condition of an event that tells the end of a session to all its users."""


class Stream(SQLModel, table=True):
    """One row for each workspace, organization and for the installation; its id is theirs. Its lock orders the stream's events.

    `head` is the newest seq, `horizon` the seq at and below which events were trimmed; a restored backup sets a new `epoch`.
    """

    id: str = columns.key()
    epoch: str = Field(max_length=16)
    head: int = columns.big(default=0)
    horizon: int = columns.big(default=0)


class Event(SQLModel, table=True):
    """One event. It refers by value, so that it outlives what it is about. `kind` is a word of `services.domain.events.Kind`."""

    __table_args__ = (
        Index("ix_event_studio", "stream_id", "studio_id", "seq"),
        Index("ix_event_kind", "stream_id", "kind", "seq"),
        columns.partial_index("ix_event_session_end", "stream_id", "studio_id", "seq", where=SESSION_END),
        Index("ix_event_at", "at"),
    )

    stream_id: str = Field(primary_key=True, max_length=32)
    seq: int = Field(primary_key=True, sa_type=columns.BigInteger)
    at: datetime = columns.time()
    kind: str = Field(max_length=32)
    studio_id: str | None = Field(default=None, max_length=32)
    studio_name: str | None = columns.text(nullable=True)
    user_id: str | None = Field(default=None, max_length=32)
    actor: Any = columns.json()
    payload: Any = columns.json()
