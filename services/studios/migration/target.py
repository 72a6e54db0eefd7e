"""Chooses the template that a Studio is migrated to: a newer release of the same tool (B73, B74)."""

from collections.abc import Collection

from services.domain import template_status
from services.domain.errors import Conflict, NotFound
from services.domain.problems import invalid
from services.domain.statuses import TemplateStatus, Tool
from services.domain.template_status import release_key
from services.store import templates
from services.store.db.database import Reader
from services.store.studios import StudioState
from services.store.templates import TemplateState
from services.studios import template_rules
from services.studios.conda_images import CondaImages


class NoNewerTemplate(Conflict):
    """No template of the workspace is a recommended release of the tool that is newer than the Studio's."""

    code = "NO_NEWER_TEMPLATE"


def require_packages(original: StudioState, target: TemplateState, conda: CondaImages) -> None:
    """Raises InvalidInput if the Studio has Conda packages that cannot be installed on the target: its image is not built here, or the
    settings no longer allow the packages (B76)."""
    if original.conda_environment is None:
        return
    if target.recipe is None:
        message = f"{original.name} has Conda packages, which cannot be built into {target.name}. Choose a template that has a recipe."
        raise invalid("template_id", "CONDA_PACKAGES", message)
    conda.image(target, original.conda_environment)


async def find_target(reader: Reader, current: TemplateState, chosen_id: str | None, *, accept_experimental: bool) -> TemplateState:
    """Returns the chosen template; without one, the newest RECOMMENDED release of the tool of `current`.

    Raises NoNewerTemplate; for a chosen template NotFound, and InvalidInput with the problem OTHER_TOOL, NOT_NEWER, UNSUPPORTED or
    EXPERIMENTAL.
    """
    if chosen_id is None:
        return _newest(current, await templates.of_workspace(reader, current.workspace_id))
    chosen = await templates.find(reader, chosen_id)
    if chosen is None or chosen.workspace_id != current.workspace_id:
        raise NotFound.absent("template in this workspace", field=("template_id",))
    _require_same_tool(current, chosen)
    if release_key(chosen) <= release_key(current):
        message = f"{chosen.name} is not newer than {current.name}, which the Studio runs. Choose a newer release."
        raise invalid("template_id", "NOT_NEWER", message)
    await template_rules.require_usable(reader, chosen, "template_id", accept_experimental=accept_experimental)
    return chosen


def _newest(current: TemplateState, candidates: Collection[TemplateState]) -> TemplateState:
    """Returns the newest recommended release; of equal ones, that of the recipe of the current template's image."""
    if current.tool == Tool.CUSTOM:
        raise NoNewerTemplate(f"{current.name} is a custom template, which is a tool of its own: no other template is a newer release.")
    statuses = template_status.statuses(candidates)
    newer = [
        each
        for each in candidates
        if each.tool == current.tool and statuses[each.id] is TemplateStatus.RECOMMENDED and release_key(each) > release_key(current)
    ]
    if not newer:
        raise NoNewerTemplate(f"The workspace has no recommended template of the tool that is newer than {current.name}.")
    return max(newer, key=lambda each: (release_key(each), each.recipe == current.recipe))


def _require_same_tool(current: TemplateState, chosen: TemplateState) -> None:
    """Raises InvalidInput: the files of one tool are of no use to another."""
    if chosen.id == current.id or (chosen.tool == current.tool and chosen.tool != Tool.CUSTOM):
        return
    tools = f"runs {chosen.tool}, and the Studio {current.tool}"
    if chosen.tool == current.tool:
        tools = "is another custom template, and each of these is a tool of its own"
    raise invalid("template_id", "OTHER_TOOL", f"A migration cannot change the tool: {chosen.name} {tools}.")
