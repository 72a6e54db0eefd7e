"""Checks whether a new Studio may use a template (B72). Studios that use it already start whatever its status."""

from services.domain import template_status
from services.domain.problems import invalid
from services.domain.statuses import TemplateStatus
from services.store import templates
from services.store.db.database import Reader
from services.store.templates import TemplateState


async def status_of(reader: Reader, template: TemplateState) -> TemplateStatus:
    """Returns the present status of the template, which follows from all templates of its workspace."""
    return template_status.statuses(await templates.releases_of(reader, template.workspace_id))[template.id]


async def require_usable(reader: Reader, template: TemplateState, field: str, *, accept_experimental: bool) -> None:
    """Raises InvalidInput at `field` for a template that is UNSUPPORTED, or EXPERIMENTAL and not accepted."""
    status = await status_of(reader, template)
    if status is TemplateStatus.UNSUPPORTED:
        message = f"{template.name} is no longer supported, so that no new Studio can use it. Choose a recommended template."
        raise invalid(field, "UNSUPPORTED", message)
    if status is TemplateStatus.EXPERIMENTAL and not accept_experimental:
        message = f"{template.name} is experimental and may not work. Set acceptExperimental to use it, or choose a recommended template."
        raise invalid(field, "EXPERIMENTAL", message)
