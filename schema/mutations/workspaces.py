"""The mutations of workspaces."""

import strawberry

from resolvers import payloads
from schema.inputs.workspaces import UpdateWorkspaceSettingsInput
from schema.mutations.command import mutation
from schema.results import UpdateWorkspaceSettingsResult
from services.domain.access import Permission


@strawberry.type
class WorkspaceMutations:
    """Each is one command of `services.workspaces`."""

    update_workspace_settings: UpdateWorkspaceSettingsResult = mutation(
        "Changes the settings of a workspace, and the limits on what its sessions hold at a time. No session ends because a limit is "
        "lowered.",
        Permission.WORKSPACE_EDIT,
        UpdateWorkspaceSettingsInput,
        lambda services: services.workspaces.update_settings,
        payloads.workspace,
    )
