"""Loads templates."""

from collections.abc import Sequence

from resolvers.batches import LoadContext
from resolvers.loaders.factories import one_each, unique
from services.domain import template_status
from services.domain.statuses import TemplateStatus
from services.domain.template_status import TemplateRelease
from services.rows.organizations import TemplateRow
from services.store.reads import compute as reads

by_id = one_each(reads.templates)


async def of_workspaces(context: LoadContext, workspace_ids: Sequence[str], include_unsupported: bool) -> list[list[TemplateRow]]:
    """Loads the templates of each workspace in the order of the catalogue. Unsupported ones are among them only if they are included."""
    templates = await reads.templates_of(context.reader, context.viewer.user_id, unique(workspace_ids))
    shown = {workspace_id: _shown(rows, include_unsupported) for workspace_id, rows in templates.items()}
    return [shown.get(workspace_id, []) for workspace_id in workspace_ids]


async def statuses(context: LoadContext, rows: Sequence[TemplateRow], _arguments: None) -> list[TemplateStatus]:
    """Derives the status of each template from all templates of its workspace, which one statement reads."""
    workspace_ids = unique([row.workspace_id for row in rows])
    releases = await reads.releases_of(context.reader, context.viewer.user_id, workspace_ids)
    known: dict[str, TemplateStatus] = {}
    for workspace_id in workspace_ids:
        requested: list[TemplateRelease] = [row for row in rows if row.workspace_id == workspace_id]  # one may have been removed since
        known |= template_status.statuses({each.id: each for each in [*requested, *releases.get(workspace_id, [])]}.values())
    return [known[row.id] for row in rows]


def _shown(rows: Sequence[TemplateRow], include_unsupported: bool) -> list[TemplateRow]:
    status_by_id = template_status.statuses(rows)
    ordered = template_status.catalogue_order(rows)
    return [row for row in ordered if include_unsupported or status_by_id[row.id] is not TemplateStatus.UNSUPPORTED]
