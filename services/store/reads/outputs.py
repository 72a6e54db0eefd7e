"""Reads of the output of sessions and builds, as their viewers see it (B84)."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Integer, and_, bindparam, case, func, or_, select

from services.domain.statuses import LogSource, StudioStatus
from services.rows.logs import LogOutputRow
from services.store.access import visible_studios
from services.store.db.database import Reader
from services.store.db.query import Query, is_one_of
from services.store.outputs import EMPTY_PAGE, MAX_PIECE_BYTES, OutputPage, contiguous
from services.store.tables import core

S = core.studio.c
R = core.session.c
O = core.output.c  # noqa: E741 - as the other tables' columns are called by one letter
P = core.output_piece.c

BUILD_STATUSES = (StudioStatus.BUILDING, StudioStatus.BUILD_FAILED)


def _studios() -> Query:
    """Each Studio with its build and one session: that of `:number`, or the current one for 0."""
    number = bindparam("number", type_=Integer)
    is_session = and_(R.studio_id == S.id, R.number == case((number > 0, number), else_=S.session_number))
    columns = (S.id, S.status, S.build_id, R.id, R.number, R.ended_at)
    return Query(visible_studios(*columns).outerjoin(core.session, is_session).where(is_one_of(S.id, "ids")))


def _pages() -> Query:
    """The pieces of each output that hold the first `:limit` retained bytes from `:offset` on; a negative offset counts from the end."""
    offset, limit = bindparam("offset", type_=BigInteger), bindparam("limit", type_=BigInteger)
    requested = case((offset < 0, O.end + offset), else_=offset)
    start = case((requested < O.start, O.start), (requested > O.end, O.end), else_=requested).label("start")
    spans = select(O.id, O.end, O.closed, start).where(is_one_of(O.id, "ids"), _is_visible()).subquery()
    is_after_start = and_(
        P.output_id == spans.c.id, P.position > spans.c.start - MAX_PIECE_BYTES, P.position + func.length(P.data) > spans.c.start
    )
    first = select(func.min(P.position)).where(is_after_start).scalar_subquery()
    begin = case((first.is_(None), spans.c.end), (first > spans.c.start, first), else_=spans.c.start).label("begin")
    pages = select(spans.c.id, spans.c.end, spans.c.closed, begin).subquery()
    is_in_page = and_(
        P.output_id == pages.c.id,
        P.position > pages.c.begin - MAX_PIECE_BYTES,
        P.position + func.length(P.data) > pages.c.begin,
        P.position < pages.c.begin + limit,
    )
    columns = (pages.c.id, pages.c.end, pages.c.closed, pages.c.begin, P.position, P.data)
    return Query(select(*columns).select_from(pages.outerjoin(core.output_piece, is_in_page)).order_by(pages.c.id, P.position))


def _is_visible() -> Any:
    """The condition that the output belongs to a session or a build of a Studio that the viewer sees."""
    of_session = visible_studios(S.id).join(core.session, R.studio_id == S.id).where(R.id == O.id)
    of_build = visible_studios(S.id).where(S.build_id == O.id)
    return or_(of_session.exists(), of_build.exists())


STUDIOS = _studios()
PAGES = _pages()


async def log_outputs(
    reader: Reader, viewer_id: str, studio_ids: Sequence[str], number: int | None, source: LogSource | None
) -> dict[str, LogOutputRow]:
    """Returns the output to show for each Studio: that of session `number` (None: the current one) or of the build, as `source` says.

    With `source` None it is the build's while the Studio has a build status and no number is requested.
    """
    outputs = {}
    rows = await reader.all(STUDIOS, viewer_id=viewer_id, ids=studio_ids, number=number or 0)
    for studio_id, stored_status, build_id, session_id, session_number, ended_at in rows:
        status = StudioStatus(stored_status)
        shown = source or (LogSource.BUILD if number is None and status in BUILD_STATUSES else LogSource.SESSION)
        if shown is LogSource.BUILD:
            outputs[studio_id] = LogOutputRow(shown, None, build_id, ended=status is not StudioStatus.BUILDING)
        else:
            outputs[studio_id] = LogOutputRow(shown, session_number, session_id, ended=session_id is None or ended_at is not None)
    return outputs


async def pages(reader: Reader, viewer_id: str, output_ids: Sequence[str], offset: int, limit: int) -> dict[str, OutputPage]:
    """Returns a page of each output that the viewer may see, by id; its bounds are those of `services.store.outputs.read`."""
    rows = await reader.all(PAGES, viewer_id=viewer_id, ids=output_ids, offset=offset, limit=limit)
    pages: dict[str, OutputPage] = {}
    pieces: dict[str, list[tuple[int, bytes]]] = {}
    for output_id, end, closed, begin, position, data in rows:
        pages[output_id] = OutputPage(begin, b"", end, closed=bool(closed))
        if position is not None:
            pieces.setdefault(output_id, []).append((position, data))
    return {
        output_id: OutputPage(page.start, contiguous(pieces.get(output_id, []), page.start, limit), page.end, page.closed)
        for output_id, page in pages.items()
    }


def page_of(pages: dict[str, OutputPage], output: LogOutputRow) -> OutputPage:
    """Returns the page of the output; EMPTY_PAGE if nothing is stored of it."""
    return pages.get(output.output_id or "", EMPTY_PAGE)
