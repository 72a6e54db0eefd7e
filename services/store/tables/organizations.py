"""The tables of the installation, its organizations and their workspaces."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from services.store.tables import columns
from services.store.tables.quotas import QuotaColumns


class Installation(SQLModel, table=True):
    """One row: this installation. Its id is part of every container, directory and cookie name.

    `key_proof` is sealed with its key, so that a start with another key is found out. `log_origin` tells of which server and history the
    event log was when its streams got their epochs (`services.store.log_origin`).
    """

    id: str = columns.key()
    key_proof: str | None = columns.text(nullable=True)
    log_origin: str | None = columns.text(nullable=True)
    created_at: datetime = columns.time()


class Organization(QuotaColumns, table=True):
    """A group of workspaces. In the database the table keeps the British spelling that its first migration gave it."""

    __tablename__ = "organisation"

    id: str = columns.key()
    slug: str = Field(unique=True, max_length=64)
    name: str = columns.text()
    created_at: datetime = columns.time()
    version: int = 1


class Workspace(QuotaColumns, table=True):
    """The home of Studios, members and compute environments. Settings that are null leave the default.

    The column of `organization_id` is named `organisation_id` in the database, as its first migration named it.
    """

    __table_args__ = (UniqueConstraint("organization_id", "name_key"),)

    id: str = columns.key()
    organization_id: str = Field(
        foreign_key="organisation.id",
        index=True,
        max_length=32,
        sa_column_kwargs={"name": "organisation_id", "key": "organization_id"},
    )
    slug: str = Field(unique=True, max_length=64)
    name: str = columns.text()
    name_key: str = columns.sort_key()
    lifespan_hours: int | None = None
    idle_minutes: int | None = None
    checkpoint_interval_seconds: int | None = None
    kept_checkpoints: int | None = None
    studios_enabled: bool = True
    created_at: datetime = columns.time()
    version: int = 1
