"""The tables of what sessions and builds print: bytes by offset, of limited size (B84)."""

from datetime import datetime

from sqlalchemy import LargeBinary
from sqlmodel import Field, SQLModel

from services.store.tables import columns


class Output(SQLModel, table=True):
    """The output of one session or one build, whose id it has (no foreign key: it may outlive what printed it).

    Bytes `start` to `end` (exclusive) are kept; what came before `start` was let go. `place` is where the compute environment goes on
    (its own word, null = from the beginning); `closed` once nothing more comes.
    """

    id: str = columns.key()
    start: int = columns.big(default=0)
    end: int = columns.big(default=0)
    place: str | None = columns.text(nullable=True)
    closed: bool = False
    created_at: datetime = columns.time(index=True)


class OutputPiece(SQLModel, table=True):
    """Some bytes of an output, from `position` on."""

    output_id: str = Field(primary_key=True, foreign_key="output.id", max_length=32)
    position: int = Field(primary_key=True, sa_type=columns.BigInteger)
    data: bytes = Field(sa_type=LargeBinary)
