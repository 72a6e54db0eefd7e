"""Conditions that several statements share."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, func


def is_null_or_one_of(column: ColumnElement[Any], values: Collection[str]) -> ColumnElement[bool]:
    """Returns the condition in a form that no index serves, so that a database reads by what is due or open, and then compares.

    SQLite, without statistics, would else prefer an index of the column, and read all rows of an environment that ever were.
    """
    return func.coalesce(column, "").in_(["", *values])
