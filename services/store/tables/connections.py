"""The tables of proxies, connections to sessions, and connect codes."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from services.store.tables import columns


class ProxyInstance(SQLModel, table=True):
    """One start of a proxy; its connections end when its heartbeat is silent for 25 s (B53)."""

    id: str = columns.key()
    started_at: datetime = columns.time()
    heartbeat_at: datetime = columns.time(index=True)


class Connection(SQLModel, table=True):
    """One browser tab with a session open. A user leaves when the last one anywhere ends."""

    __table_args__ = (
        columns.partial_index("ix_connection_open", "studio_id", "user_id", where="ended_at IS NULL"),
        columns.partial_index("ix_connection_open_of_proxy", "proxy_id", where="ended_at IS NULL"),
    )

    id: str = columns.key()
    proxy_id: str = columns.reference("proxyinstance.id")
    studio_id: str = Field(max_length=32, index=True)
    session_number: int
    user_id: str = columns.reference("user.id")
    token_id: str | None = Field(default=None, max_length=32)
    connected_at: datetime = columns.time()
    last_active_at: datetime = columns.time()
    ended_at: datetime | None = columns.time(nullable=True, index=True)


class ConnectCode(SQLModel, table=True):
    """A one-time code for an origin of a session: 60 s at most, single use, bound to user, Studio, session number and origin.

    `login_id` names the browser's login it came from (none for a program's): what it opens ends with that login.
    """

    hash: str = Field(primary_key=True, max_length=64)
    user_id: str = columns.reference("user.id")
    token_id: str = columns.reference("token.id")
    login_id: str | None = Field(default=None, max_length=32)
    studio_id: str = Field(max_length=32)
    session_number: int
    origin: str = columns.text()
    path: str = columns.text(default="/")
    expires_at: datetime = columns.time(index=True)
    used_at: datetime | None = columns.time(nullable=True)
