"""What sessions and builds printed, as viewers read it (B84)."""

from dataclasses import dataclass

from services.domain.statuses import LogSource


@dataclass(frozen=True, slots=True)
class PrinterRow:
    """Whose output a viewer reads: that of `session` (its number; None for a build), or of nothing yet. `ended`: it prints no more."""

    source: LogSource
    session: int | None
    output_id: str | None
    ended: bool


@dataclass(frozen=True, slots=True)
class LogPageRow:
    """Some of an output. Offsets are in bytes; `end_offset` is how far it goes. `is_complete`: nothing comes after this page."""

    source: LogSource
    session: int | None
    start_offset: int
    next_offset: int
    end_offset: int
    text: str
    is_complete: bool


@dataclass(frozen=True, slots=True)
class LogChunkRow:
    """What came; before it, `skipped` bytes are not kept."""

    source: LogSource
    session: int | None
    offset: int
    next_offset: int
    text: str
    skipped: int


@dataclass(frozen=True, slots=True)
class LogEndedRow:
    """All was given, and nothing more comes."""

    source: LogSource
    session: int | None
    offset: int
