"""Reads Studios for mutations and streams, and computes the fields of a Studio that depend on what its viewer may do."""

from collections.abc import Sequence

from resolvers.context import Context
from services.domain.access import AccessFacts, Decision, Permission, decide
from services.domain.lifecycle import ACTIONS, Action, status_refusal
from services.domain.statuses import StudioStatus
from services.rows.studio import AvailableActionRow, StudioRow
from services.search.selection import StudioFilter
from services.store.reads import studio_lists, studios
from services.studios import force_stop


async def studios_by_ids(context: Context, ids: Sequence[str]) -> list[StudioRow | None]:
    """Returns the current Studios in the order of `ids`; None for each that is absent or hidden from the viewer (B92)."""
    async with context.services.database.read() as reader:
        rows = await studios.by_ids(reader, context.viewer.user_id, list(ids))
    return [rows.get(studio_id) for studio_id in ids]


async def matching_studios(context: Context, workspace_id: str, ids: Sequence[str], studio_filter: StudioFilter) -> dict[str, StudioRow]:
    """Returns those Studios of `ids` in the workspace that match the filter and that the viewer sees, by id."""
    async with context.services.database.read() as reader:
        return await studio_lists.matching(reader, context.viewer.user_id, workspace_id, ids, studio_filter)


def available_actions(studio: StudioRow, context: Context) -> list[AvailableActionRow]:
    """Returns every action, with the reason if the viewer may not take it now (B6). The right is checked before the status."""
    return [_available(action, studio, context) for action in ACTIONS]


def _available(action: Action, studio: StudioRow, context: Context) -> AvailableActionRow:
    decision = _decide(ACTIONS[action].permission, studio, context)
    reason = status_refusal(studio.status, action) if decision.is_allowed else decision.message
    if reason or action is not Action.FORCE_STOP:
        return AvailableActionRow(action, reason is None, reason)
    begins = force_stop.begins(context.services.policy, studio.status_since)
    too_early = force_stop.too_early(begins, context.services.database.now())
    return AvailableActionRow(action, too_early is None, too_early, begins if too_early else None)


def url(studio: StudioRow, context: Context) -> str | None:
    """Returns the address of the running session; None unless it runs and the viewer may open it."""
    if studio.status is not StudioStatus.RUNNING:
        return None
    if not _decide(Permission.STUDIO_CONNECT, studio, context).is_allowed:
        return None
    return context.services.addresses.session_url(studio.public_id)


def _decide(permission: Permission, studio: StudioRow, context: Context) -> Decision:
    return decide(permission, AccessFacts(studio.viewer_role, context.viewer.scopes, studio.studios_enabled))
