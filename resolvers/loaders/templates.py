"""Templates."""

from collections.abc import Sequence

from resolvers.batches import Reading
from resolvers.loaders.factories import one_each, unique
from services.domain.statuses import TemplateStatus
from services.rows.organizations import TemplateRow
from services.store.reads import compute as reads

by_id = one_each(reads.templates)


async def of_workspaces(reading: Reading, workspace_ids: Sequence[str], unsupported: bool) -> list[list[TemplateRow]]:
    """The templates of each workspace, those that are no longer supported only if asked."""
    found = await reads.templates_of(reading.reader, reading.viewer.user_id, unique(workspace_ids))
    shown = {workspace_id: [row for row in rows if unsupported or _supported(row)] for workspace_id, rows in found.items()}
    return [shown.get(workspace_id, []) for workspace_id in workspace_ids]


def _supported(row: TemplateRow) -> bool:
    return row.status is not TemplateStatus.UNSUPPORTED
