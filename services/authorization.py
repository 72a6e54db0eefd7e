"""Checks for the commands whether their viewer may run them: reads the facts in the command's transaction, and enforces `decide`."""

from services.domain.access import Denial, Permission, Resource, Viewer, decide
from services.domain.errors import StudiosSwitchedOff
from services.store import access, members, studios
from services.store.db.database import Reader

MAX_ADMINISTRATORS = 5
"""The number of administrators that a message names."""


async def require_in_workspace(
    reader: Reader, viewer: Viewer, workspace_id: str, permission: Permission, resource: Resource = Resource.WORKSPACE
) -> None:
    """Raises NotFound if the workspace is absent or hidden from the viewer (B92), Forbidden if they lack the permission there.

    `resource` is what the request named: a part of the workspace is as hidden as the workspace.
    """
    decision = decide(permission, await access.facts_of_workspace(reader, viewer, workspace_id))
    if decision.denial is Denial.SWITCHED_OFF:
        raise await _switched_off(reader, workspace_id)
    decision.enforce(resource)


async def require_on_studio(
    reader: Reader, viewer: Viewer, studio_id: str, permission: Permission, resource: Resource = Resource.STUDIO
) -> None:
    """Raises NotFound if the Studio is absent or hidden from the viewer (B92), Forbidden if they lack the permission on it.

    `resource` is what the request named: a part of the Studio, such as a checkpoint, is as hidden as the Studio.
    """
    decision = decide(permission, await access.facts_of_studio(reader, viewer, studio_id))
    if decision.denial is Denial.SWITCHED_OFF:
        raise await _switched_off(reader, await studios.workspace_of(reader, studio_id) or "")
    decision.enforce(resource)


async def _switched_off(reader: Reader, workspace_id: str) -> StudiosSwitchedOff:
    """Returns the error that names who can switch Studios on."""
    names = await members.administrators(reader, workspace_id, MAX_ADMINISTRATORS)
    return StudiosSwitchedOff(f"Studios are switched off in this workspace. Ask an administrator to switch them on: {', '.join(names)}.")
