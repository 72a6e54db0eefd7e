"""Clean-up tasks: what the controller has to remove, written in the transaction that ends the need for it."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from services.store.tables import columns


class SessionCleanup(SQLModel, table=True):
    """The task to remove what may be left of a session; a start of its Studio waits for it. The table's name is older: `leftover`.

    Until `late_until` it stays, and removes what the engine finishes making after the session was given up.
    """

    __tablename__ = "leftover"

    id: str = columns.key()
    compute_environment_id: str = columns.reference("computeenvironment.id")
    studio_id: str = Field(max_length=32, index=True)
    public_id: str = Field(max_length=32)
    session_number: int
    late_until: datetime | None = columns.time(nullable=True)
    attempts: int = 0
    message: str | None = columns.text(nullable=True)
    created_at: datetime = columns.time()
    due_at: datetime = columns.time(index=True)


class CheckpointCleanup(SQLModel, table=True):
    """The task to remove a saved archive or image that nothing needs any more. The table's name is older: `garbage`.

    With a `checkpoint_id` it is an attempt to save that checkpoint, written before the save is made: whoever records the save deletes the
    task in the same transaction. `begun_at`: from then on the save is removed, and can no longer be recorded.
    """

    __tablename__ = "garbage"

    id: str = columns.key()
    compute_environment_id: str = columns.reference("computeenvironment.id")
    reference: str = columns.text()
    checkpoint_id: str | None = Field(default=None, max_length=32, index=True)
    begun_at: datetime | None = columns.time(nullable=True)
    attempts: int = 0
    message: str | None = columns.text(nullable=True)
    created_at: datetime = columns.time()
    due_at: datetime = columns.time(index=True)
