"""What sessions and builds printed."""

from collections.abc import Sequence
from dataclasses import dataclass

from resolvers.batches import Reading
from resolvers.loaders.factories import unique
from resolvers.log_pages import LONGEST_CHARACTER, log_page
from services.domain.errors import BadArgument
from services.domain.statuses import LogSource
from services.rows.logs import LogOutputRow, LogPageRow
from services.rows.studio import SessionRow
from services.store.reads import outputs as reads
from services.store.reads.outputs import page_of

DEFAULT_BYTES = 1 << 16
MOST_BYTES = 1 << 18
TOGETHER_BYTES = 1 << 22
"""For all pages of one level of an operation: of many, each is shorter."""


@dataclass(frozen=True, slots=True)
class LogArguments:
    """Which output (None = the one that counts), from which byte (None = the last ones), and how many bytes at most."""

    first: int
    after: int | None
    session: int | None = None
    source: LogSource | None = None


def log_arguments(first: int | None, after: int | None, session: int | None = None, source: LogSource | None = None) -> LogArguments:
    """Raises BadArgument."""
    if first is None:
        first = DEFAULT_BYTES
    if not LONGEST_CHARACTER <= first <= MOST_BYTES:
        message = f"`first` must be {LONGEST_CHARACTER} to {MOST_BYTES} bytes. Use `afterOffset` to read on."
        raise BadArgument("first", "OUT_OF_RANGE", message)
    if after is not None and after < 0:
        raise BadArgument("afterOffset", "OUT_OF_RANGE", "`afterOffset` must be 0, or the `nextOffset` of a page.")
    if session is not None and not 1 <= session < 2**31:
        raise BadArgument("session", "OUT_OF_RANGE", "`session` must be the number of a session. The first is 1.")
    return LogArguments(first, after, session, source)


async def of_studios(reading: Reading, studio_ids: Sequence[str], arguments: LogArguments) -> list[LogPageRow | None]:
    """A page for each Studio: of its current session or of the one with the given number, or of its build."""
    ids = unique(studio_ids)
    found = await reads.log_outputs(reading.reader, reading.viewer.user_id, ids, arguments.session, arguments.source)
    made = dict(zip(found, await _pages(reading, list(found.values()), arguments), strict=True))
    return [made.get(studio_id) for studio_id in studio_ids]


async def of_sessions(reading: Reading, sessions: Sequence[SessionRow], arguments: LogArguments) -> list[LogPageRow]:
    """A page for each session."""
    printers = [LogOutputRow(LogSource.SESSION, row.number, row.id, ended=row.ended_at is not None) for row in sessions]
    return await _pages(reading, printers, arguments)


async def _pages(reading: Reading, printers: Sequence[LogOutputRow], arguments: LogArguments) -> list[LogPageRow]:
    ids = unique([printer.output_id for printer in printers if printer.output_id])
    limit = max(min(arguments.first, TOGETHER_BYTES // max(len(ids), 1)), LONGEST_CHARACTER)
    offset = -limit if arguments.after is None else arguments.after
    found = await reads.pages(reading.reader, reading.viewer.user_id, ids, offset, limit)
    return [log_page(printer, page_of(found, printer), limit, from_end=arguments.after is None) for printer in printers]
