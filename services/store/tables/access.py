"""The tables of users, their memberships in workspaces, their access tokens and their browser logins."""

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
    """A user's membership in a workspace. `role` is the number of a `services.domain.access.Role`."""

    __table_args__ = (columns.one_of("role", Role),)

    workspace_id: str = Field(primary_key=True, foreign_key="workspace.id", max_length=32)
    user_id: str = Field(primary_key=True, foreign_key="user.id", max_length=32, index=True)
    role: int
    created_at: datetime = columns.time()
    version: int = 1


class Token(SQLModel, table=True):
    """An access token. Only the hash of its secret is stored. `hint` is the first characters of the secret, shown in lists."""

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
    """The login of a browser on the API's origin, with an access token. `hash` is of its cookie. It is invalid once its token is."""

    id: str = columns.key()
    hash: str = Field(unique=True, max_length=64)
    token_id: str = columns.reference("token.id")
    created_at: datetime = columns.time()
    expires_at: datetime = columns.time(index=True)
