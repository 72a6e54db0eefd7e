"""Reads of attempts to migrate Studios."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Integer, Select, bindparam, func, select, union_all

from services.domain.migration_issues import MigrationIssue
from services.domain.statuses import MigrationState
from services.rows.migrations import MigrationAttemptRow
from services.store.access import visible_to
from services.store.converters import actor
from services.store.db.database import Reader
from services.store.db.query import Query, is_one_of
from services.store.db.record import Record, converted, nullable
from services.store.db.types import json_value, utc_time
from services.store.tables import core

T = core.migration_attempt.c
MAX_ATTEMPTS = 50
"""The number of attempts of one Studio that are read; the newest first."""


def _issues(stored: Any) -> list[MigrationIssue]:
    return [MigrationIssue.from_json(issue) for issue in json_value(stored)]


def _record(columns: Any) -> Record[MigrationAttemptRow]:
    ids = ("id", "workspace_id", "original_id", "studio_id", "source_checkpoint_id", "from_template_id", "to_template_id")
    names = (*ids, "original_name", "studio_name", "version")
    return Record(
        MigrationAttemptRow,
        **{name: columns[name] for name in names},
        actor=converted(actor, columns.actor),
        state=converted(MigrationState, columns.state),
        issues=converted(_issues, columns.issues),
        created_at=converted(utc_time, columns.created_at),
        ended_at=nullable(utc_time, columns.ended_at),
    )


def _listed(studio_id: Any) -> Select[Any]:
    columns = (*core.migration_attempt.c, studio_id.label("listed_id"))
    return select(*columns).where(is_one_of(studio_id, "studio_ids"), visible_to(T.workspace_id))


RECORD = _record(T)
BY_ID = Query(select(*RECORD.columns).where(is_one_of(T.id, "ids"), visible_to(T.workspace_id)))
_union = union_all(_listed(T.original_id), _listed(T.studio_id)).subquery()
_place = func.row_number().over(partition_by=_union.c.listed_id, order_by=(_union.c.created_at.desc(), _union.c.id)).label("place")
_numbered = select(_union, _place).subquery()
LISTED_RECORD = _record(_numbered.c)
OF_STUDIOS = Query(
    select(*LISTED_RECORD.columns, _numbered.c.listed_id)
    .where(_numbered.c.place <= bindparam("limit", type_=Integer))
    .order_by(_numbered.c.place)
)
"""The attempts to migrate each Studio, and the one that made it."""


async def by_ids(reader: Reader, viewer_id: str, ids: Sequence[str]) -> dict[str, MigrationAttemptRow]:
    """Returns the attempts that the viewer may see, by id."""
    return RECORD.keyed(await reader.all(BY_ID, viewer_id=viewer_id, ids=ids), T.id)


async def of_studios(reader: Reader, viewer_id: str, studio_ids: Sequence[str]) -> dict[str, list[MigrationAttemptRow]]:
    """Returns the attempts to migrate each Studio, and the one that made it; at most MAX_ATTEMPTS, the newest first."""
    found: dict[str, list[MigrationAttemptRow]] = {}
    for row in await reader.all(OF_STUDIOS, viewer_id=viewer_id, studio_ids=studio_ids, limit=MAX_ATTEMPTS):
        found.setdefault(row[len(LISTED_RECORD.columns)], []).append(LISTED_RECORD.row(row))
    return found
