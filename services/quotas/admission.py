"""Admits a session within the quotas of its workspace, organization and compute environment, or refuses it (B18)."""

from collections.abc import Mapping
from typing import Any

from services.domain.access import Viewer
from services.domain.limits import MIN_CPU, MIN_MEMORY_MIB
from services.domain.quotas import (
    ExceededQuota,
    QuotaResource,
    QuotaScope,
    ResourceAmounts,
    ResourceQuotaExceeded,
    ScopeUse,
    exceeded_quota,
)
from services.quotas.messages import refusal
from services.store import quotas
from services.store.compute_environments import EnvironmentState
from services.store.db.database import Reader, Transaction

Configuration = Mapping[str, Any]


async def admit(
    transaction: Transaction, viewer: Viewer, environment: EnvironmentState, configuration: Configuration, defaults: Configuration
) -> dict[str, Any]:
    """Does the same as `check`, under the locks that starts share, so that none is admitted that was not counted.

    The caller holds the stream's lock of the environment's workspace.
    """
    await quotas.lock_limited_organization(transaction, environment.workspace_id)
    return await check(transaction, viewer, environment, configuration, defaults)


async def check(
    reader: Reader, viewer: Viewer, environment: EnvironmentState, configuration: Configuration, defaults: Configuration
) -> dict[str, Any]:
    """Returns the configuration of a session that has room within all limits. Raises ResourceQuotaExceeded.

    A `cpu` or `memory_mib` of 0, which is no limit, becomes that of `defaults` where the resource has a quota: a session without a limit
    of its own could use any amount, and count for none. So does what is too little to be a limit, which earlier releases stored.
    """
    in_workspace = (await quotas.uses(reader, viewer.user_id, [environment.workspace_id])).get(environment.workspace_id, [])
    uses = [use for use in in_workspace if use.scope is not QuotaScope.COMPUTE_ENVIRONMENT or use.scope_id == environment.id]
    bounded = _bounded(uses, configuration, defaults)
    exceeded = exceeded_quota(uses, ResourceAmounts(1, bounded["cpu"], bounded["memory_mib"], bounded["gpu"]))
    if exceeded is not None:
        raise await _refused(reader, viewer, exceeded)
    return bounded


def _bounded(uses: list[ScopeUse], configuration: Configuration, defaults: Configuration) -> dict[str, Any]:
    resources = {"cpu": (QuotaResource.CPU, MIN_CPU), "memory_mib": (QuotaResource.MEMORY_MIB, MIN_MEMORY_MIB)}
    unbounded = [
        name
        for name, (resource, least) in resources.items()
        if configuration[name] < least and any(use.limits.of(resource) is not None for use in uses)
    ]
    return {**configuration, **{name: defaults[name] for name in unbounded}}


async def _refused(reader: Reader, viewer: Viewer, exceeded: ExceededQuota) -> ResourceQuotaExceeded:
    use = exceeded.use
    holders = await quotas.holders(reader, viewer.user_id, use.scope, use.scope_id, exceeded.resource)
    return ResourceQuotaExceeded(exceeded, refusal(exceeded, holders), [holder.studio_id for holder in holders])
