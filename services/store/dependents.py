"""Reads what still refers to a row that is to be removed, in the words of a list: "Studio Umbrella", "checkpoint Umbrella_2"."""

from typing import Any

from sqlalchemy import Select, exists, func, or_, select

from services.domain.access import Role
from services.domain.statuses import BuildState
from services.store.db.database import Reader
from services.store.tables import core

S = core.studio.c
R = core.session.c
C = core.checkpoint.c
B = core.build.c
E = core.compute_environment.c
L = core.connection.c
M = core.membership.c
W = core.workspace.c
ACTIVE_BUILDS = (BuildState.QUEUED.value, BuildState.RUNNING.value)


async def of_compute_environment(reader: Reader, environment_id: str) -> list[str]:
    """Returns Studios, checkpoints with data, active builds, and removals that the controller has yet to make."""
    has_session = exists().where(R.studio_id == S.id, R.compute_environment_id == environment_id)
    studios = select(S.name).where(or_(S.compute_environment_id == environment_id, has_session))
    checkpoints = select(C.name).where(C.compute_environment_id == environment_id, C.reference.is_not(None), C.deleted_at.is_(None))
    builds = select(B.reference).where(B.compute_environment_id == environment_id, B.state.in_(ACTIVE_BUILDS))
    return [
        *await _named(reader, "Studio", studios),
        *await _named(reader, "checkpoint", checkpoints),
        *await _named(reader, "build of", builds),
        *await _removals(reader, environment_id),
    ]


async def of_template(reader: Reader, template_id: str) -> list[str]:
    """Returns the Studios that run the template, or ran it, and the checkpoints with data that were made with it."""
    has_session = exists().where(R.studio_id == S.id, R.template_id == template_id)
    checkpoints = select(C.name).where(C.template_id == template_id, C.reference.is_not(None), C.deleted_at.is_(None))
    return [
        *await _named(reader, "Studio", select(S.name).where(or_(S.template_id == template_id, has_session))),
        *await _named(reader, "checkpoint", checkpoints),
    ]


async def of_user(reader: Reader, user_id: str) -> list[str]:
    """Returns the user's Studios, sessions, open connections and checkpoints, and workspaces that have no other OWNER."""
    studios = select(S.name).where(S.owner_id == user_id)
    sessions = select(S.name).where(exists().where(R.studio_id == S.id, R.started_by == user_id))
    connections = select(S.name).where(exists().where(L.studio_id == S.id, L.user_id == user_id, L.ended_at.is_(None)))
    others = core.membership.alias()
    is_owned_by_others = exists().where(others.c.workspace_id == W.id, others.c.role == Role.OWNER.value, others.c.user_id != user_id)
    owned = select(W.slug).join(core.membership, M.workspace_id == W.id).where(M.user_id == user_id, M.role == Role.OWNER.value)
    return [
        *await _named(reader, "workspace without another OWNER:", owned.where(~is_owned_by_others)),
        *await _named(reader, "Studio", studios),
        *await _named(reader, "sessions of Studio", sessions),
        *await _named(reader, "connection to Studio", connections),
        *await _named(reader, "checkpoint", select(C.name).where(C.author_id == user_id)),
    ]


async def of_workspace(reader: Reader, workspace_id: str) -> list[str]:
    """Returns the workspace's Studios, compute environments, and checkpoints with data."""
    checkpoints = select(C.name).where(C.workspace_id == workspace_id, C.reference.is_not(None), C.deleted_at.is_(None))
    return [
        *await _named(reader, "Studio", select(S.name).where(S.workspace_id == workspace_id)),
        *await _named(reader, "checkpoint", checkpoints),
        *await _named(reader, "compute environment", select(E.name).where(E.workspace_id == workspace_id)),
    ]


async def _removals(reader: Reader, environment_id: str) -> list[str]:
    tables = (core.session_cleanup, core.checkpoint_cleanup)
    counts = [select(func.count()).select_from(table).where(table.c.compute_environment_id == environment_id) for table in tables]
    count = sum([(await reader.execute(statement)).scalar_one() for statement in counts])
    return [f"{count} removals of former sessions and saves that are not done yet"] if count else []


async def _named(reader: Reader, kind: str, names: Select[Any]) -> list[str]:
    return sorted(f"{kind} {name}" for (name,) in (await reader.execute(names)).all())
