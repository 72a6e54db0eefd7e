"""Conditions that several statements share."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_

OVERDUE = timedelta(seconds=10)
"""A controller that has verified a compute environment claims what is due there long before that."""


def is_null_or_one_of(column: ColumnElement[Any], values: Collection[str]) -> ColumnElement[bool]:
    """Returns the condition in a form that no index serves, so that a database reads by what is due or open, and then compares.

    SQLite, without statistics, would else prefer an index of the column, and read all rows of an environment that ever were.
    """
    return func.coalesce(column, "").in_(["", *values])


def is_claimable(
    environment: ColumnElement[Any], due_at: ColumnElement[Any], verified: Collection[str], silent: Collection[str], now: datetime
) -> ColumnElement[bool]:
    """Returns the condition that a controller may claim a row: it has verified the compute environment of the row.

    Where the engine has been `silent` since the controller began, and no other controller took the row, it may say so.
    """
    overdue = and_(func.coalesce(environment, "").in_(list(silent)), due_at <= now - OVERDUE)
    return or_(is_null_or_one_of(environment, verified), overdue) if silent else is_null_or_one_of(environment, verified)
