"""People and what lets them in."""

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from services.domain.access import Role
from services.store.tables import columns


class User(SQLModel, table=True):
    """A person or a robot account."""

    id: str = columns.key()
    user_name: str = Field(unique=True, max_length=64)
    display_name: str = columns.text()
    email: str | None = columns.text(nullable=True)
    avatar_url: str | None = columns.text(nullable=True)
    created_at: datetime = columns.time()
    version: int = 1


class Membership(SQLModel, table=True):
    """A user's role in a workspace; `role` is the number of `services.domain.access.Role`."""

    __table_args__ = (columns.one_of("role", Role),)

    workspace_id: str = Field(primary_key=True, foreign_key="workspace.id", max_length=32)
    user_id: str = Field(primary_key=True, foreign_key="user.id", max_length=32, index=True)
    role: int
    created_at: datetime = columns.time()
    version: int = 1


class Token(SQLModel, table=True):
    """An access token: only its hash is kept. `hint` is its first characters, to recognise it by."""

    id: str = columns.key()
    user_id: str = columns.reference("user.id")
    name: str = columns.text()
    scopes: Any = columns.json()
    hash: str = Field(unique=True, max_length=64)
    hint: str = Field(max_length=16)
    created_at: datetime = columns.time()
    expires_at: datetime | None = columns.time(nullable=True)
    revoked_at: datetime | None = columns.time(nullable=True)
    last_used_at: datetime | None = columns.time(nullable=True)


class Login(SQLModel, table=True):
    """A browser signed in on the API origin (the cookie of DESIGN 5), by the token that was typed there; dies with it."""

    id: str = columns.key()
    hash: str = Field(unique=True, max_length=64)
    token_id: str = columns.reference("token.id")
    created_at: datetime = columns.time()
    expires_at: datetime = columns.time(index=True)
