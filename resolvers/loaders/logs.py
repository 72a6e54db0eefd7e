"""Loads pages of the output of sessions and builds."""

from collections.abc import Sequence
from dataclasses import dataclass

from resolvers.batches import LoadContext
from resolvers.loaders.factories import unique
from resolvers.log_pages import MAX_CHARACTER_BYTES, log_page
from services.domain.errors import BadArgument
from services.domain.statuses import LogSource
from services.rows.logs import LogOutputRow, LogPageRow
from services.rows.studio import SessionRow
from services.store.reads import outputs as reads
from services.store.reads.outputs import page_of

DEFAULT_BYTES = 1 << 16
"""Bytes of a page whose size is not requested."""
MAX_BYTES = 1 << 18
"""Bytes of the largest page."""
MAX_LEVEL_BYTES = 1 << 22
"""Bytes of all pages of one level of an operation. If there are many, each is shorter."""


@dataclass(frozen=True, slots=True)
class LogArguments:
    """The arguments of a page of output. `session` and `source` None: the output that is current; `after` None: its last bytes."""

    first: int
    after: int | None
    session: int | None = None
    source: LogSource | None = None


def log_arguments(first: int | None, after: int | None, session: int | None = None, source: LogSource | None = None) -> LogArguments:
    """Returns the arguments. Raises BadArgument."""
    if first is None:
        first = DEFAULT_BYTES
    if not MAX_CHARACTER_BYTES <= first <= MAX_BYTES:
        message = f"`first` must be {MAX_CHARACTER_BYTES} to {MAX_BYTES} bytes. Use `afterOffset` to read on."
        raise BadArgument("first", "OUT_OF_RANGE", message)
    if after is not None and after < 0:
        raise BadArgument("afterOffset", "OUT_OF_RANGE", "`afterOffset` must be 0, or the `nextOffset` of a page.")
    if session is not None and not 1 <= session < 2**31:
        raise BadArgument("session", "OUT_OF_RANGE", "`session` must be the number of a session. The first is 1.")
    return LogArguments(first, after, session, source)


async def of_studios(context: LoadContext, studio_ids: Sequence[str], arguments: LogArguments) -> list[LogPageRow | None]:
    """Loads a page for each Studio: of its current session, of the session with the requested number, or of its build."""
    ids = unique(studio_ids)
    outputs = await reads.log_outputs(context.reader, context.viewer.user_id, ids, arguments.session, arguments.source)
    pages = dict(zip(outputs, await _pages(context, list(outputs.values()), arguments), strict=True))
    return [pages.get(studio_id) for studio_id in studio_ids]


async def of_sessions(context: LoadContext, sessions: Sequence[SessionRow], arguments: LogArguments) -> list[LogPageRow]:
    """Loads a page for each session."""
    outputs = [LogOutputRow(LogSource.SESSION, row.number, row.id, ended=row.ended_at is not None) for row in sessions]
    return await _pages(context, outputs, arguments)


async def _pages(context: LoadContext, outputs: Sequence[LogOutputRow], arguments: LogArguments) -> list[LogPageRow]:
    ids = unique([output.output_id for output in outputs if output.output_id])
    limit = max(min(arguments.first, MAX_LEVEL_BYTES // max(len(ids), 1)), MAX_CHARACTER_BYTES)
    offset = -limit if arguments.after is None else arguments.after
    pages = await reads.pages(context.reader, context.viewer.user_id, ids, offset, limit)
    return [log_page(output, page_of(pages, output), limit, from_end=arguments.after is None) for output in outputs]
