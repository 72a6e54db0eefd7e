"""What sessions and builds printed, as their viewers see it (B84)."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Integer, and_, bindparam, case, func, or_, select

from services.domain.statuses import LogSource, StudioStatus
from services.rows.logs import PrinterRow
from services.store.access import visible_studios
from services.store.db.database import Reader
from services.store.db.query import Query, is_one_of
from services.store.outputs import LONGEST_PIECE, NOTHING, OutputPage, run
from services.store.tables import core

S = core.studio.c
R = core.session.c
O = core.output.c  # noqa: E741 - as the other tables' columns are called by one letter
P = core.output_piece.c

BUILDS = (StudioStatus.BUILDING, StudioStatus.BUILD_FAILED)


def _printers() -> Query:
    """Each Studio with its build and one session: that of `:number`, or the current one for 0."""
    number = bindparam("number", type_=Integer)
    wanted = and_(R.studio_id == S.id, R.number == case((number > 0, number), else_=S.session_number))
    columns = (S.id, S.status, S.build_id, R.id, R.number, R.ended_at)
    return Query(visible_studios(*columns).outerjoin(core.session, wanted).where(is_one_of(S.id, "ids")))


def _pages() -> Query:
    """The pieces of each output that hold the first `:limit` bytes kept from `:offset` on; a negative one counts from the end."""
    offset, limit = bindparam("offset", type_=BigInteger), bindparam("limit", type_=BigInteger)
    asked = case((offset < 0, O.end + offset), else_=offset)
    start = case((asked < O.start, O.start), (asked > O.end, O.end), else_=asked).label("start")
    spans = select(O.id, O.end, O.closed, start).where(is_one_of(O.id, "ids"), _visible()).subquery()
    behind = and_(P.output_id == spans.c.id, P.position > spans.c.start - LONGEST_PIECE, P.position + func.length(P.data) > spans.c.start)
    first = select(func.min(P.position)).where(behind).scalar_subquery()
    begin = case((first.is_(None), spans.c.end), (first > spans.c.start, first), else_=spans.c.start).label("begin")
    begun = select(spans.c.id, spans.c.end, spans.c.closed, begin).subquery()
    inside = and_(
        P.output_id == begun.c.id,
        P.position > begun.c.begin - LONGEST_PIECE,
        P.position + func.length(P.data) > begun.c.begin,
        P.position < begun.c.begin + limit,
    )
    columns = (begun.c.id, begun.c.end, begun.c.closed, begun.c.begin, P.position, P.data)
    return Query(select(*columns).select_from(begun.outerjoin(core.output_piece, inside)).order_by(begun.c.id, P.position))


def _visible() -> Any:
    """The output of a session, or of a build, of a Studio that the viewer sees."""
    of_session = visible_studios(S.id).join(core.session, R.studio_id == S.id).where(R.id == O.id)
    of_build = visible_studios(S.id).where(S.build_id == O.id)
    return or_(of_session.exists(), of_build.exists())


PRINTERS = _printers()
PAGES = _pages()


async def printers(
    reader: Reader, viewer_id: str, studio_ids: Sequence[str], number: int | None, source: LogSource | None
) -> dict[str, PrinterRow]:
    """Whose output is meant, by Studio: that of session `number` (None = the current one), or of the build where it counts."""
    found = {}
    for raw in await reader.all(PRINTERS, viewer_id=viewer_id, ids=studio_ids, number=number or 0):
        status = StudioStatus(raw[1])
        meant = source or (LogSource.BUILD if number is None and status in BUILDS else LogSource.SESSION)
        if meant is LogSource.BUILD:
            found[raw[0]] = PrinterRow(meant, None, raw[2], ended=status is not StudioStatus.BUILDING)
        else:
            found[raw[0]] = PrinterRow(meant, raw[4], raw[3], ended=raw[3] is None or raw[5] is not None)
    return found


async def pages(reader: Reader, viewer_id: str, output_ids: Sequence[str], offset: int, limit: int) -> dict[str, OutputPage]:
    """Of each output that the viewer may see: at most `limit` bytes from `offset` on, or from so many before its end if it is negative."""
    rows = await reader.all(PAGES, viewer_id=viewer_id, ids=output_ids, offset=offset, limit=limit)
    found: dict[str, OutputPage] = {}
    pieces: dict[str, list[tuple[int, bytes]]] = {}
    for output_id, end, closed, begin, position, data in rows:
        found[output_id] = OutputPage(begin, b"", end, closed=bool(closed))
        if position is not None:
            pieces.setdefault(output_id, []).append((position, data))
    return {key: OutputPage(page.start, run(pieces.get(key, []), page.start, limit), page.end, page.closed) for key, page in found.items()}


def page_of(found: dict[str, OutputPage], printer: PrinterRow) -> OutputPage:
    """The printer's page; NOTHING where it has not printed yet."""
    return found.get(printer.output_id or "", NOTHING)
