"""Answers what a viewer may do in a workspace."""

from resolvers.context import Context
from services.domain.access import AccessFacts, Permission, decide
from services.rows.organizations import WorkspaceRow


def can_create_studios(workspace: WorkspaceRow, context: Context) -> bool:
    """Returns whether the role and the access token of the viewer let them create Studios (B91)."""
    return decide(Permission.STUDIO_CREATE, AccessFacts(workspace.viewer_role, context.viewer.scopes)).is_allowed
