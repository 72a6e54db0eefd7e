"""Reads what needs the data of a checkpoint: it cannot be deleted before (B22, B35)."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, literal_column, or_, select, union

from services.domain.statuses import CheckpointStatus, CheckpointUseKind
from services.rows.studio import CheckpointUseRow
from services.store.access import visible_to
from services.store.checkpoints import MIGRATION_SESSION, RECORD, SAVED, CheckpointState
from services.store.db.database import Reader
from services.store.db.query import Query, Row, is_one_of
from services.store.tables import core

C = core.checkpoint.c
S = core.studio.c
R = core.session.c
WITH_DATA = (*SAVED, CheckpointStatus.INVALID.value)


def _is_newest() -> ColumnElement[bool]:
    """Returns the condition that no other checkpoint of the Studio was saved later: the next start continues from it (B10)."""
    later = core.checkpoint.alias()
    is_later = (later.c.studio_id == C.studio_id) & (later.c.save_order > C.save_order)
    newer = exists().where(is_later, later.c.status.in_(WITH_DATA), later.c.deleted_at.is_(None))
    return C.status.in_(WITH_DATA) & ~newer


def _is_still_without_files() -> ColumnElement[bool]:
    """Returns the condition that a migration has yet to put files into the checkpoint: the next start of its Studio does that (B74)."""
    return (C.session_number == MIGRATION_SESSION) & (C.status == CheckpointStatus.EMPTY.value) & C.deleted_at.is_(None)


def _is_first_of(studio: ColumnElement[str]) -> ColumnElement[bool]:
    """Returns the condition that a Studio, which was made from a checkpoint, has no saved checkpoint of its own."""
    own = core.checkpoint.alias()
    return ~exists().where(own.c.studio_id == studio, own.c.status.in_(WITH_DATA), own.c.deleted_at.is_(None))


def _is_of_session() -> ColumnElement[bool]:
    """Returns the condition that a session, which is not saved for good yet, began from the checkpoint or is saved to it."""
    return R.saved.is_(False) & or_(R.base_checkpoint_id == C.id, R.checkpoint_id == C.id, R.requested_checkpoint_id == C.id)


def _literal(kind: CheckpointUseKind) -> ColumnElement[str]:
    literal: ColumnElement[str] = literal_column(f"'{kind.value}'")
    return literal.label("kind")


def _uses(*where: ColumnElement[bool]) -> Select[Any]:
    """Selects what needs the checkpoints: their Studio's next start, that of Studios made from them, and sessions."""
    columns = (C.id.label("checkpoint_id"), S.id.label("studio_id"), S.name.label("studio_name"))
    next_start = _literal(CheckpointUseKind.NEXT_START)
    session = _literal(CheckpointUseKind.SESSION)
    own = select(*columns, next_start).join(core.studio, S.id == C.studio_id).where(*where, or_(_is_newest(), _is_still_without_files()))
    made = select(*columns, next_start).join(core.studio, S.parent_checkpoint_id == C.id).where(*where, _is_first_of(S.id))
    sessions = select(*columns, session).join(core.session, _is_of_session()).join(core.studio, S.id == R.studio_id).where(*where)
    return select(union(own, made, sessions).subquery())


VISIBLE_USES = Query(_uses(is_one_of(C.id, "ids"), visible_to(C.workspace_id)))


async def uses(reader: Reader, checkpoint_id: str) -> list[CheckpointUseRow]:
    """Returns what needs the checkpoint, by the name of the Studio."""
    return _sorted((await reader.execute(_uses(C.id == checkpoint_id))).all())


async def visible_uses(reader: Reader, viewer_id: str, checkpoint_ids: Sequence[str]) -> dict[str, list[CheckpointUseRow]]:
    """Returns what needs each of the checkpoints that the viewer may see, in one statement."""
    uses_of: dict[str, list[CheckpointUseRow]] = {}
    for use in _sorted(await reader.all(VISIBLE_USES, viewer_id=viewer_id, ids=checkpoint_ids)):
        uses_of.setdefault(use.checkpoint_id, []).append(use)
    return uses_of


def _sorted(rows: Sequence[Row]) -> list[CheckpointUseRow]:
    found = [CheckpointUseRow(id_, CheckpointUseKind(kind), studio_id, name) for id_, studio_id, name, kind in rows]
    return sorted(found, key=lambda use: (use.studio_name, use.kind))


async def unneeded_of_deleted(reader: Reader, studio_id: str) -> list[CheckpointState]:
    """Returns the checkpoints with data of a Studio that is about to be deleted, without those that another Studio starts from (B22)."""
    is_needed = exists().where(S.parent_checkpoint_id == C.id, S.id != studio_id, _is_first_of(S.id))
    is_used = exists().where(R.studio_id != studio_id, R.saved.is_(False), R.base_checkpoint_id == C.id)
    where = (C.studio_id == studio_id, C.deleted_at.is_(None), ~is_needed, ~is_used)
    return RECORD.rows(await reader.execute(select(*RECORD.columns).where(*where)))


async def beyond_retention(reader: Reader, studio_id: str, kept: int) -> list[CheckpointState]:
    """Returns the FINALIZED checkpoints of the Studio that are older than its `kept` newest, have no name from a user, and that
    nothing needs."""
    return RECORD.rows(await reader.execute(_beyond_retention(studio_id, kept)))


def _beyond_retention(studio_id: str, kept: int) -> Select[Any]:
    is_finalized = (C.studio_id == studio_id) & (C.status == CheckpointStatus.FINALIZED.value) & C.deleted_at.is_(None)
    n = core.checkpoint.alias().c
    own = (n.studio_id == studio_id, n.status == CheckpointStatus.FINALIZED.value, n.deleted_at.is_(None))
    newest = select(n.id).where(*own).order_by(n.save_order.desc()).limit(kept)
    is_first = exists().where(S.parent_checkpoint_id == C.id, _is_first_of(S.id))
    is_used = exists().where(_is_of_session())
    needless = (~C.id.in_(newest), ~_is_newest(), ~is_first, ~is_used)
    return select(*RECORD.columns).where(is_finalized, C.named.is_(False), *needless)
