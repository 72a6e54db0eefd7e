"""Reads of the event log: where a stream stands, and pages of what happened after a place in it (docs/architecture.md#live-streams)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Integer, Select, bindparam, select, true

from services.domain.actor import Actor
from services.domain.events import Cursor, Kind, LoggedEvent
from services.store.db.database import Reader
from services.store.db.query import Query, Row, is_one_of
from services.store.db.types import json_value, utc_time
from services.store.tables import core

_stream = core.stream.c
_event = core.event.c

EVENT_COLUMNS = (_event.seq, _event.at, _event.kind, _event.actor, _event.payload, _event.studio_id, _event.studio_name, _event.user_id)
"""What `logged` reads, in its order."""


_KINDS = frozenset(Kind)
"""A newer process beside this one may log kinds that nobody here asks for: they are passed over."""


class UnknownStream(LookupError):
    """There is no stream of this id: whoever asks should have known."""


@dataclass(frozen=True, slots=True)
class StreamState:
    """Where a stream stands: events in (horizon, head] can be read."""

    stream_id: str
    epoch: str
    head: int
    horizon: int

    @property
    def cursor(self) -> Cursor:
        """The place after the newest event."""
        return Cursor(self.stream_id, self.epoch, self.head)


@dataclass(frozen=True, slots=True)
class Page:
    """Events in order. All that was asked for in (after, reached] is among them; `reached` is the head if nothing is left."""

    state: StreamState
    events: Sequence[LoggedEvent]
    reached: int


def _page(*, by_kind: bool, by_studio: bool) -> Query:
    """One statement for state and events: a single moment, whatever the isolation. Without events there is still the state's row."""
    events = select(*EVENT_COLUMNS).where(_event.stream_id == bindparam("stream_id"), _event.seq > bindparam("after"))
    if by_kind:
        events = events.where(is_one_of(_event.kind, "kinds"))
    if by_studio:
        events = events.where(_event.studio_id == bindparam("studio_id"))
    page = events.order_by(_event.seq).limit(bindparam("limit", type_=Integer)).subquery()
    joined = core.stream.outerjoin(page, true())
    states: Select[Any] = select(_stream.epoch, _stream.head, _stream.horizon, *page.c).select_from(joined)
    return Query(states.where(_stream.id == bindparam("stream_id")).order_by(page.c.seq))


_PAGES = {(k, s): _page(by_kind=k, by_studio=s) for k in (False, True) for s in (False, True)}
_STATES = Query(select(_stream.id, _stream.epoch, _stream.head, _stream.horizon).where(is_one_of(_stream.id, "stream_ids")))


async def states(reader: Reader, stream_ids: Sequence[str]) -> dict[str, StreamState]:
    """Where each of these streams stands; one that does not exist is left out."""
    rows = await reader.all(_STATES, stream_ids=list(stream_ids))
    return {row[0]: StreamState(row[0], row[1], row[2], row[3]) for row in rows}


async def state(reader: Reader, stream_id: str) -> StreamState:
    """Where a stream stands, in the same view as the reader's other reads. Raises UnknownStream."""
    found = await states(reader, [stream_id])
    if stream_id not in found:
        raise UnknownStream(stream_id)
    return found[stream_id]


async def page(
    reader: Reader, stream_id: str, after: int, limit: int, *, kinds: Iterable[Kind] | None = None, studio_id: str | None = None
) -> Page:
    """At most `limit` (1 or more) events after seq `after`, only those of `kinds` and of the Studio if given. Raises UnknownStream."""
    params: dict[str, Any] = {"stream_id": stream_id, "after": after, "limit": limit}
    if kinds is not None:
        params["kinds"] = sorted(kind.value for kind in kinds)
    if studio_id is not None:
        params["studio_id"] = studio_id
    rows = await reader.all(_PAGES[kinds is not None, studio_id is not None], **params)
    if not rows:
        raise UnknownStream(stream_id)
    epoch, head, horizon = rows[0][:3]
    found = [row[3:] for row in rows if row[3] is not None]
    events = [logged(stream_id, epoch, row) for row in found if row[2] in _KINDS]
    return Page(StreamState(stream_id, epoch, head, horizon), events, reached=found[-1][0] if len(found) == limit else head)


def logged(stream_id: str, epoch: str, row: Row) -> LoggedEvent:
    """The event in a row of EVENT_COLUMNS, as the raw driver gives it."""
    seq, at, kind, actor, payload, studio_id, studio_name, user_id = row
    return LoggedEvent(
        stream_id=stream_id,
        epoch=epoch,
        seq=seq,
        at=cast("datetime", utc_time(at)),
        kind=Kind(kind),
        actor=Actor.from_json(json_value(actor)),
        payload=json_value(payload),
        studio_id=studio_id,
        studio_name=studio_name,
        user_id=user_id,
    )
