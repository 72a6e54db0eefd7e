"""The table of the resource usage of running sessions (B85)."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from services.store.tables import columns


class SessionStats(SQLModel, table=True):
    """The newest measurement of a running session. `cpu` in cores, the rest in bytes; null where the kind cannot tell."""

    session_id: str = Field(primary_key=True, foreign_key="session.id", max_length=32)
    at: datetime = columns.time()
    cpu: float
    memory_bytes: int = columns.big()
    memory_limit_bytes: int | None = columns.big(nullable=True)
    network_received_bytes: int | None = columns.big(nullable=True)
    network_sent_bytes: int | None = columns.big(nullable=True)
    processes: int | None = None
