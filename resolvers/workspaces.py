"""Answers what a viewer may do in a workspace."""

from resolvers.context import Context
from services.domain.access import AccessFacts, Permission, decide
from services.rows.organizations import WorkspaceRow


def can_create_studios(workspace: WorkspaceRow, context: Context) -> bool:
    """Returns whether the role and the access token of the viewer let them create Studios (B91), and the workspace has them (B97)."""
    facts = AccessFacts(workspace.viewer_role, context.viewer.scopes, workspace.settings.studios_enabled)
    return decide(Permission.STUDIO_CREATE, facts).is_allowed
