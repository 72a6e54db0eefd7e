"""Reads the limits that are in force for a workspace, and what the sessions that they count hold (B5, B18)."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Integer, and_, bindparam, func, literal, or_, select

from services.domain.lifecycle import ENDED
from services.domain.quotas import MAX_HOLDERS, QuotaLimits, QuotaResource, QuotaScope, ResourceAmounts, ScopeUse
from services.store.access import visible_studios, visible_to
from services.store.db.database import Reader, Transaction
from services.store.db.query import Query, is_one_of
from services.store.tables import core

ORG = core.organization.c
W = core.workspace.c
CE = core.compute_environment.c
R = core.session.c
S = core.studio.c
SIBLING = core.workspace.alias("sibling")
"""A workspace of the same organization."""

LIMIT_NAMES = ("max_sessions", "max_cpu", "max_memory_mib", "max_gpu")
HOLDS = and_(R.ended_at.is_(None), S.session_number == R.number, S.status.not_in(sorted(status.value for status in ENDED)))
"""The condition that a session, joined with its Studio, holds resources (B5)."""
AMOUNTS = (func.count(), func.sum(R.cpu), func.sum(R.memory_mib), func.sum(R.gpu))
"""The sums over sessions from which `ResourceAmounts` is made."""


def _has_limit(columns: Any) -> ColumnElement[bool]:
    return or_(*(columns[name].is_not(None) for name in LIMIT_NAMES))


def _limits_of(columns: Any) -> list[ColumnElement[Any]]:
    return [columns[name] for name in LIMIT_NAMES]


_LIMITS = Query(
    select(W.id, W.id, W.name, *_limits_of(W), ORG.id, ORG.name, *_limits_of(ORG))
    .select_from(core.workspace)
    .join(core.organization, ORG.id == W.organization_id)
    .where(is_one_of(W.id, "workspace_ids"), visible_to(W.id))
)
_ENVIRONMENT_LIMITS = Query(
    select(CE.workspace_id, CE.id, CE.name, *_limits_of(CE))
    .where(is_one_of(CE.workspace_id, "workspace_ids"), visible_to(CE.workspace_id), _has_limit(CE))
    .order_by(CE.name_key, CE.id)
)
_LIMITED_ORGANIZATION = Query(
    select(ORG.id)
    .select_from(core.organization)
    .join(core.workspace, W.organization_id == ORG.id)
    .where(W.id == bindparam("workspace_id"), _has_limit(ORG))
)
_SCOPE_LENGTH = 2 + len(LIMIT_NAMES)
"""The columns of a scope: id, name, limits."""
_ORGANIZATIONS = select(W.organization_id).where(is_one_of(W.id, "workspace_ids"), visible_to(W.id))
_USED = Query(
    select(SIBLING.c.organization_id, CE.workspace_id, CE.id, *AMOUNTS)
    .select_from(SIBLING)
    .join(core.compute_environment, CE.workspace_id == SIBLING.c.id)
    .join(core.session, R.compute_environment_id == CE.id)
    .join(core.studio, S.id == R.studio_id)
    .where(HOLDS, SIBLING.c.organization_id.in_(_ORGANIZATIONS))
    .group_by(SIBLING.c.organization_id, CE.workspace_id, CE.id)
)
"""The sums of each compute environment of the organizations. A compute environment, and so its sessions, belongs to one workspace."""


def _holders(scope: QuotaScope, resource: QuotaResource) -> Query:
    amounts = {QuotaResource.CPU: R.cpu, QuotaResource.MEMORY_MIB: R.memory_mib, QuotaResource.GPU: R.gpu}
    amount = amounts.get(resource, literal(1, Integer))
    scopes = {QuotaScope.WORKSPACE: S.workspace_id, QuotaScope.COMPUTE_ENVIRONMENT: R.compute_environment_id}
    is_counted = and_(HOLDS, amount > 0, scopes.get(scope, W.organization_id) == bindparam("scope_id"))
    rows = visible_studios(S.id, S.name, amount).join(core.session, R.studio_id == S.id).join(core.workspace, W.id == S.workspace_id)
    return Query(rows.where(is_counted).order_by(amount.desc(), S.name_key, S.id).limit(MAX_HOLDERS))


_HOLDERS = {(scope, resource): _holders(scope, resource) for scope in QuotaScope for resource in QuotaResource}


@dataclass(frozen=True, slots=True)
class QuotaHolder:
    """A Studio whose session holds an amount of a resource."""

    studio_id: str
    name: str
    amount: float


async def limited_organization(reader: Reader, workspace_id: str) -> str | None:
    """Returns the id of the workspace's organization if that has a limit."""
    row = await reader.one(_LIMITED_ORGANIZATION, workspace_id=workspace_id)
    return str(row[0]) if row else None


async def lock_limited_organization(transaction: Transaction, workspace_id: str) -> None:
    """Locks the workspace's organization until the transaction ends, if the organization has a limit.

    Starts in its other workspaces count the same sessions, and share no other lock. It comes after the lock of the workspace's stream, and
    whoever holds it waits for nothing outside of their own workspace. On SQLite the transaction itself is the lock.
    """
    if transaction.connection.dialect.name == "sqlite":
        return
    organization_id = select(W.organization_id).where(W.id == workspace_id).scalar_subquery()
    await transaction.execute(select(ORG.id).where(ORG.id == organization_id, _has_limit(ORG)).with_for_update(key_share=True))


async def uses(reader: Reader, viewer_id: str, workspace_ids: Sequence[str]) -> dict[str, list[ScopeUse]]:
    """Returns the scopes with a limit for each workspace that the viewer sees: itself, its organization, its compute environments.

    What sessions hold counts for the organization also where it is in workspaces that are hidden from the viewer.
    """
    params = {"viewer_id": viewer_id, "workspace_ids": list(workspace_ids)}
    scopes: dict[str, list[tuple[QuotaScope, Sequence[Any]]]] = {}
    for workspace_id, *row in await reader.all(_LIMITS, **params):
        scopes[workspace_id] = [(QuotaScope.WORKSPACE, row[:_SCOPE_LENGTH]), (QuotaScope.ORGANIZATION, row[_SCOPE_LENGTH:])]
    for workspace_id, *row in await reader.all(_ENVIRONMENT_LIMITS, **params):
        scopes.setdefault(workspace_id, []).append((QuotaScope.COMPUTE_ENVIRONMENT, row))
    limited = {workspace_id: [(scope, row) for scope, row in rows if QuotaLimits(*row[2:]).any] for workspace_id, rows in scopes.items()}
    used = await _used(reader, params) if any(limited.values()) else {}
    return {
        workspace_id: [ScopeUse(scope, row[0], row[1], QuotaLimits(*row[2:]), used.get(row[0], ResourceAmounts())) for scope, row in rows]
        for workspace_id, rows in limited.items()
    }


async def _used(reader: Reader, params: dict[str, Any]) -> dict[str, ResourceAmounts]:
    """Returns what the sessions of each organization, workspace and compute environment hold, by the id of that."""
    used: defaultdict[str, ResourceAmounts] = defaultdict(ResourceAmounts)
    for *scope_ids, sessions, cpu, memory_mib, gpu in await reader.all(_USED, **params):
        for scope_id in scope_ids:
            used[scope_id] += ResourceAmounts(sessions, cpu, memory_mib, gpu)
    return used


async def holders(reader: Reader, viewer_id: str, scope: QuotaScope, scope_id: str, resource: QuotaResource) -> list[QuotaHolder]:
    """Returns the Studios that hold most of a resource in a scope, among those that the viewer sees; at most MAX_HOLDERS."""
    rows = await reader.all(_HOLDERS[scope, resource], viewer_id=viewer_id, scope_id=scope_id)
    return [QuotaHolder(*row) for row in rows]
