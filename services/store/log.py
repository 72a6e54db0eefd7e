"""Reads of the event log: the state of a stream, and pages of its events (docs/architecture.md#live-streams)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, bindparam, case, literal, select, true, union_all

from services.domain.events import Cursor, Kind, LoggedEvent
from services.store.converters import actor
from services.store.db.database import Reader
from services.store.db.query import Query, is_one_of
from services.store.db.record import Record, converted
from services.store.db.types import json_value, utc_time
from services.store.tables import core

_stream = core.stream.c
_event = core.event.c

EVENT_RECORD = Record(
    LoggedEvent,
    stream_id=_stream.id,
    epoch=_stream.epoch,
    seq=_event.seq,
    at=converted(utc_time, _event.at),
    kind=converted(Kind, _event.kind),
    actor=converted(actor, _event.actor),
    payload=converted(json_value, _event.payload),
    studio_id=_event.studio_id,
    studio_name=_event.studio_name,
    user_id=_event.user_id,
)
_SEQ = EVENT_RECORD.position(_event.seq)
_KIND = EVENT_RECORD.position(_event.kind)
_STREAM_COLUMNS, _EVENT_COLUMNS = EVENT_RECORD.columns[:2], EVENT_RECORD.columns[2:]
_KNOWN_KINDS = frozenset(Kind)
"""The kinds that this process knows. A newer process may log others; `page` passes over them, since nobody here reads them."""


class UnknownStream(LookupError):
    """A stream does not exist although its reader should know that it does."""


@dataclass(frozen=True, slots=True)
class StreamState:
    """The state of a stream: the events in (horizon, head] can be read."""

    stream_id: str
    epoch: str
    head: int
    horizon: int

    @property
    def cursor(self) -> Cursor:
        """The cursor after the newest event."""
        return Cursor(self.stream_id, self.epoch, self.head)


@dataclass(frozen=True, slots=True)
class Page:
    """Events in order, with no requested event in (after, reached] left out. `reached` is the head if there are no more of them."""

    state: StreamState
    events: Sequence[LoggedEvent]
    reached: int


def _page(*, by_kind: bool, by_studio: bool) -> Query:
    """One statement for state and events: a single moment, whatever the isolation. Without events there is still the state's row."""
    events = _after_cursor(*_EVENT_COLUMNS)
    if by_studio:
        events = events.where(_event.studio_id == bindparam("studio_id"))
    if by_kind and by_studio:
        events = events.where(is_one_of(_event.kind, "kinds"))
    elif by_kind:
        events = events.where(_event.seq.in_(_first_of_kinds()))
    page = events.order_by(_event.seq).limit(bindparam("limit", type_=Integer)).subquery()
    joined = core.stream.outerjoin(page, true())
    states: Select[Any] = select(*_STREAM_COLUMNS, *page.c, _stream.head, _stream.horizon).select_from(joined)
    return Query(states.where(_stream.id == bindparam("stream_id")).order_by(page.c.seq))


def _after_cursor(*columns: ColumnElement[Any]) -> Select[Any]:
    return select(*columns).where(_event.stream_id == bindparam("stream_id"), _event.seq > bindparam("after"))


def _first_of_kinds() -> Select[Any]:
    """Returns the select of the numbers of the first `:limit` events of each of `:kinds`.

    Each kind reads its own part of an index, up to the limit, which is 0 for those not asked for. With one condition on the kind, a
    database may read all events since the cursor.
    """
    firsts = [
        _after_cursor(_event.seq)
        .where(_event.kind == literal(kind.value))
        .order_by(_event.seq)
        .limit(case((is_one_of(literal(kind.value), "kinds"), bindparam("limit", type_=Integer)), else_=0))
        .subquery()
        for kind in Kind
    ]
    return select(union_all(*(select(first.c.seq) for first in firsts)).subquery().c.seq)


_PAGES = {(by_kind, by_studio): _page(by_kind=by_kind, by_studio=by_studio) for by_kind in (False, True) for by_studio in (False, True)}
STATE_RECORD = Record.of_table(StreamState, core.stream, stream_id=_stream.id)
_STATES = Query(select(*STATE_RECORD.columns).where(is_one_of(_stream.id, "stream_ids")))


async def states(reader: Reader, stream_ids: Sequence[str]) -> dict[str, StreamState]:
    """Returns the state of each of these streams that exists."""
    return STATE_RECORD.keyed(await reader.all(_STATES, stream_ids=list(stream_ids)), _stream.id)


async def state(reader: Reader, stream_id: str) -> StreamState:
    """Returns the state of a stream, in the same view as the reader's other reads. Raises UnknownStream."""
    state = (await states(reader, [stream_id])).get(stream_id)
    if state is None:
        raise UnknownStream(stream_id)
    return state


async def page(
    reader: Reader, stream_id: str, after: int, limit: int, *, kinds: Iterable[Kind] | None = None, studio_id: str | None = None
) -> Page:
    """Returns at most `limit` (1 or more) events after seq `after`; only those of `kinds` and of the Studio, unless these are None.

    Raises UnknownStream.
    """
    params: dict[str, Any] = {"stream_id": stream_id, "after": after, "limit": limit}
    if kinds is not None:
        params["kinds"] = sorted(kind.value for kind in kinds)
    if studio_id is not None:
        params["studio_id"] = studio_id
    rows = await reader.all(_PAGES[kinds is not None, studio_id is not None], **params)
    if not rows:
        raise UnknownStream(stream_id)
    epoch, head, horizon = rows[0][1], rows[0][-2], rows[0][-1]
    events = [row for row in rows if row[_SEQ] is not None]
    reached = events[-1][_SEQ] if len(events) == limit else head
    return Page(
        StreamState(stream_id, epoch, head, horizon), EVENT_RECORD.rows(row for row in events if row[_KIND] in _KNOWN_KINDS), reached
    )
