"""How much of everything there is, for the operator."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from services.statuses import StudioStatus
from services.store import core
from services.store.database import Reader


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


def _count(table: Any, *where: Any) -> Any:
    return select(func.count()).select_from(table).where(*where).scalar_subquery()
