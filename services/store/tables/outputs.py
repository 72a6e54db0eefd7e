"""The tables of the output of sessions and builds: bytes by offset, of limited size (B84)."""

from datetime import datetime

from sqlalchemy import LargeBinary, Text
from sqlmodel import Field, SQLModel

from services.store.tables import columns


class Output(SQLModel, table=True):
    """The output of one session or one build. It has the id of that row, but no foreign key, since it may outlive it.

    The bytes from `start` to `end` (exclusive) are retained; older ones were removed. `cursor` is where the compute environment continues,
    in a form of its own; null means from the beginning. The column's name is older: `place`. `closed` means that the output is complete.
    """

    __table_args__ = (columns.partial_index("ix_output_open", "id", where="closed IS false", sqlite_where="closed IS 0"),)

    id: str = columns.key()
    start: int = columns.big(default=0)
    end: int = columns.big(default=0)
    cursor: str | None = Field(sa_type=Text, nullable=True, default=None, sa_column_kwargs={"name": "place", "key": "cursor"})
    closed: bool = False
    created_at: datetime = columns.time(index=True)


class OutputPiece(SQLModel, table=True):
    """Part of an output: the bytes from `position` on."""

    output_id: str = Field(primary_key=True, foreign_key="output.id", max_length=32)
    position: int = Field(primary_key=True, sa_type=columns.BigInteger)
    data: bytes = Field(sa_type=LargeBinary)
