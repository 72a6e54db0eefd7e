"""Loads the quotas of workspaces."""

from collections.abc import Sequence

from resolvers.batches import LoadContext
from resolvers.loaders.factories import unique
from services.domain.quotas import Quota, quotas_of
from services.store import quotas


async def of_workspaces(context: LoadContext, workspace_ids: Sequence[str], _arguments: None) -> list[list[Quota]]:
    """Loads every limit in force for each workspace, with what is used of it (B18)."""
    uses = await quotas.uses(context.reader, context.viewer.user_id, unique(workspace_ids))
    return [quotas_of(uses.get(workspace_id, [])) for workspace_id in workspace_ids]
