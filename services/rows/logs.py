"""The row classes of the output of sessions and builds, as viewers read it (B84)."""

from dataclasses import dataclass

from services.domain.statuses import LogSource


@dataclass(frozen=True, slots=True)
class LogOutputRow:
    """The output that a viewer reads: of the session with the number `session`, or of a build if that is None.

    `output_id` is None if there is no session or build yet. `ended`: the session or build has ended.
    """

    source: LogSource
    session: int | None
    output_id: str | None
    ended: bool


@dataclass(frozen=True, slots=True)
class LogPageRow:
    """A page of an output. Offsets are in bytes; `end_offset` is the end of the output. `is_complete`: nothing comes after this page."""

    source: LogSource
    session: int | None
    start_offset: int
    next_offset: int
    end_offset: int
    text: str
    is_complete: bool


@dataclass(frozen=True, slots=True)
class LogChunkRow:
    """New output. The `skipped` bytes before it are not retained."""

    source: LogSource
    session: int | None
    offset: int
    next_offset: int
    text: str
    skipped: int


@dataclass(frozen=True, slots=True)
class LogEndedRow:
    """The end of an output: all of it was sent, and nothing more comes."""

    source: LogSource
    session: int | None
    offset: int
