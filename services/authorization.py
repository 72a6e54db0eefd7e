"""Checks for the commands whether their viewer may run them: reads the facts in the command's transaction, and enforces `decide`."""

from services.domain.access import Permission, Resource, Viewer, decide
from services.store import access
from services.store.db.database import Reader


async def require_in_workspace(
    reader: Reader, viewer: Viewer, workspace_id: str, permission: Permission, resource: Resource = Resource.WORKSPACE
) -> None:
    """Raises NotFound if the workspace is absent or hidden from the viewer (B92), Forbidden if they lack the permission there.

    `resource` is what the request named: a part of the workspace is as hidden as the workspace.
    """
    facts = await access.facts_of_workspace(reader, viewer, workspace_id)
    decide(permission, facts).enforce(resource)


async def require_on_studio(
    reader: Reader, viewer: Viewer, studio_id: str, permission: Permission, resource: Resource = Resource.STUDIO
) -> None:
    """Raises NotFound if the Studio is absent or hidden from the viewer (B92), Forbidden if they lack the permission on it.

    `resource` is what the request named: a part of the Studio, such as a checkpoint, is as hidden as the Studio.
    """
    facts = await access.facts_of_studio(reader, viewer, studio_id)
    decide(permission, facts).enforce(resource)
