"""Which rows a viewer sees: the one condition that every read on behalf of a viewer carries (DESIGN 2, B92)."""

from typing import Any

from sqlalchemy import ColumnElement, bindparam, exists

from services.store.tables import core

M = core.membership.c


def visible_to(workspace_id: ColumnElement[Any], viewer_id: str = "viewer_id") -> ColumnElement[bool]:
    """The condition that the parameter `viewer_id` names a member of the workspace that the column `workspace_id` names.

    What fails it must read like what is absent. `tests/store/test_visibility.py` finds reads that lack it.
    """
    return exists().where(M.workspace_id == workspace_id, M.user_id == bindparam(viewer_id))
