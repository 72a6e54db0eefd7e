"""Counts the rows of the installation, for the operator's `doctor` command."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, union

from services.domain.statuses import StudioStatus
from services.store.db.database import Reader
from services.store.tables import core


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows of the whole installation; `environments` are the enabled ones."""

    users: int
    workspaces: int
    studios: int
    running: int
    templates: int
    environments: int


async def counts(reader: Reader) -> Counts:
    columns: list[Any] = [
        _count(core.user),
        _count(core.workspace),
        _count(core.studio),
        _count(core.studio, core.studio.c.status == StudioStatus.RUNNING),
        _count(core.template),
        _count(core.compute_environment, core.compute_environment.c.enabled.is_(True)),
    ]
    row: tuple[int, ...] = tuple((await reader.execute(select(*columns))).one())
    return Counts(*row)


async def known_sessions(reader: Reader) -> frozenset[tuple[str, int]]:
    """Studio id and number of every session that is a Studio's newest, or that waits for its removal."""
    newest = select(core.studio.c.id, core.studio.c.session_number)
    waiting = select(core.session_cleanup.c.studio_id, core.session_cleanup.c.session_number)
    rows: Iterable[Any] = await reader.execute(union(newest, waiting))
    return frozenset((studio_id, number) for studio_id, number in rows)


async def known_saves(reader: Reader) -> frozenset[str]:
    """The references of all checkpoints that hold data, and of all saves that wait for their record or removal."""
    held = select(core.checkpoint.c.reference).where(core.checkpoint.c.reference.is_not(None), core.checkpoint.c.deleted_at.is_(None))
    rows = await reader.execute(union(held, select(core.checkpoint_cleanup.c.reference)))
    return frozenset(rows.scalars())


def _count(table: Any, *where: Any) -> Any:
    return select(func.count()).select_from(table).where(*where).scalar_subquery()
