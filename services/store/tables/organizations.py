"""Where things live: the installation, its organisations, their workspaces."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from services.store.tables import columns


class Installation(SQLModel, table=True):
    """One row: this installation. Its id is part of every container, directory and cookie name.

    `key_proof` is sealed with its key, so that a start with another key is found out.
    """

    id: str = columns.key()
    key_proof: str | None = columns.text(nullable=True)
    created_at: datetime = columns.time()


class Organisation(SQLModel, table=True):
    """A group of workspaces."""

    id: str = columns.key()
    slug: str = Field(unique=True, max_length=64)
    name: str = columns.text()
    created_at: datetime = columns.time()
    version: int = 1


class Workspace(SQLModel, table=True):
    """Where Studios, members and compute environments belong. Settings that are null leave the default."""

    __table_args__ = (UniqueConstraint("organisation_id", "name_key"),)

    id: str = columns.key()
    organisation_id: str = columns.reference("organisation.id")
    slug: str = Field(unique=True, max_length=64)
    name: str = columns.text()
    name_key: str = columns.sort_key()
    lifespan_hours: int | None = None
    idle_minutes: int | None = None
    checkpoint_interval_seconds: int | None = None
    created_at: datetime = columns.time()
    version: int = 1
