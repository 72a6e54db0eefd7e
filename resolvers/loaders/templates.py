"""Loads templates."""

from collections.abc import Sequence

from resolvers.batches import LoadContext
from resolvers.loaders.factories import one_each, unique
from services.domain.statuses import TemplateStatus
from services.rows.organizations import TemplateRow
from services.store.reads import compute as reads

by_id = one_each(reads.templates)


async def of_workspaces(context: LoadContext, workspace_ids: Sequence[str], include_unsupported: bool) -> list[list[TemplateRow]]:
    """Loads the templates of each workspace. Unsupported ones are among them only if they are included."""
    templates = await reads.templates_of(context.reader, context.viewer.user_id, unique(workspace_ids))
    shown = {workspace_id: [row for row in rows if include_unsupported or _is_supported(row)] for workspace_id, rows in templates.items()}
    return [shown.get(workspace_id, []) for workspace_id in workspace_ids]


def _is_supported(row: TemplateRow) -> bool:
    return row.status is not TemplateStatus.UNSUPPORTED
