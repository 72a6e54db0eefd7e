"""What is to be removed: written in the transaction that ends the need, worked off by the controller (DESIGN 2)."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from services.store.tables import columns


class Leftover(SQLModel, table=True):
    """A session's resources that may still stand; a start of its Studio waits until they are gone."""

    id: str = columns.key()
    compute_environment_id: str = columns.reference("computeenvironment.id")
    studio_id: str = Field(max_length=32, index=True)
    public_id: str = Field(max_length=32)
    session_number: int
    attempts: int = 0
    message: str | None = columns.text(nullable=True)
    created_at: datetime = columns.time()
    due_at: datetime = columns.time(index=True)


class Garbage(SQLModel, table=True):
    """A saved archive or image that nothing needs any more."""

    id: str = columns.key()
    compute_environment_id: str = columns.reference("computeenvironment.id")
    reference: str = columns.text()
    attempts: int = 0
    message: str | None = columns.text(nullable=True)
    created_at: datetime = columns.time()
    due_at: datetime = columns.time(index=True)
