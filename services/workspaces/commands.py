"""The commands that change settings of workspaces, and the limits of what sessions hold (B18, B93)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.authorization import require_in_workspace
from services.commands import CommandRunner, MutationCall
from services.domain.access import MATRIX, Operator, OperatorPermission, Permission, Viewer
from services.domain.actor import Actor
from services.domain.event_payloads import WorkspaceSettingsChanged
from services.domain.time_policy import TimePolicy
from services.store import compute_environments, directory, outbox, sessions
from services.store.compute_environments import EnvironmentState
from services.store.db.database import Transaction
from services.store.directory import OrganizationState, WorkspaceState
from services.workspaces.requests import LimitChanges, UpdateWorkspaceSettingsRequest
from services.workspaces.rules import check_changes

SCOPE = MATRIX[Permission.WORKSPACE_EDIT].scope


@dataclass(frozen=True, slots=True)
class WorkspaceCommands:
    """Each method is one command. Lower limits end no session. Methods that take an operator may raise Forbidden."""

    runner: CommandRunner
    policy: TimePolicy

    async def update_settings(self, viewer: Viewer, request: UpdateWorkspaceSettingsRequest) -> str:
        """Changes the settings, and returns the id of the workspace. Raises NotFound, Forbidden, InvalidInput."""
        workspace_id, changes = request.workspace_id, request.changes

        async def body(transaction: Transaction) -> dict[str, Any]:
            await require_in_workspace(transaction, viewer, workspace_id, Permission.WORKSPACE_EDIT)
            check_changes(changes)
            await self._change_settings(transaction, viewer.actor, workspace_id, changes)
            return {}

        recorded_input = {"workspace_id": workspace_id, **changes.values}
        call = MutationCall(viewer, "updateWorkspaceSettings", SCOPE, request.idempotency_key, recorded_input)
        await self.runner.run(call, workspace_id, body)
        return workspace_id

    async def edit_settings(self, operator: Operator, workspace: WorkspaceState, changes: LimitChanges) -> None:
        """Changes settings for the operator. Raises InvalidInput."""

        async def body(transaction: Transaction) -> None:
            await self._change_settings(transaction, operator.actor, workspace.id, changes)

        check_changes(changes)
        await self.runner.run_for_operator(operator, OperatorPermission.WORKSPACE_MANAGE, workspace.id, body)

    async def limit_organization(self, operator: Operator, organization: OrganizationState, changes: LimitChanges) -> None:
        """Changes the limits of an organization, which count the sessions of all its workspaces. Raises InvalidInput."""

        async def body(transaction: Transaction) -> None:
            await directory.change_organization(transaction, organization.id, **changes.values)

        check_changes(changes)
        await self.runner.run_for_operator(operator, OperatorPermission.WORKSPACE_MANAGE, None, body)

    async def limit_environment(self, operator: Operator, environment: EnvironmentState, changes: LimitChanges) -> None:
        """Changes the limits of a compute environment. Raises InvalidInput."""

        async def body(transaction: Transaction) -> None:
            await compute_environments.change(transaction, environment.id, **changes.values)

        check_changes(changes)
        await self.runner.run_for_operator(operator, OperatorPermission.COMPUTE_ENVIRONMENT_MANAGE, environment.workspace_id, body)

    async def _change_settings(self, transaction: Transaction, actor: Actor, workspace_id: str, changes: LimitChanges) -> None:
        """Writes the values that differ, and an event with their names; nothing where none does."""
        present = await compute_environments.settings(transaction, workspace_id)
        changed = {name: value for name, value in changes.values.items() if value != getattr(present, name)}
        if not changed:
            return
        await directory.change_workspace(transaction, workspace_id, **changed)
        times = self._times_of_running_sessions(transaction.now, changed)
        if times:
            await sessions.change_running(transaction, workspace_id, **times)
        await outbox.append(transaction, workspace_id, [WorkspaceSettingsChanged(tuple(sorted(changed))).event(actor)])

    def _times_of_running_sessions(self, now: datetime, changed: Mapping[str, Any]) -> dict[str, datetime | None]:
        """Returns the times that begin anew, since a session that has none would otherwise never get one."""
        times: dict[str, datetime | None] = {}
        if "idle_minutes" in changed:
            times["idle_stops_at"] = now + timedelta(minutes=changed["idle_minutes"]) if changed["idle_minutes"] else None
        if "checkpoint_interval_seconds" in changed:
            interval = self.policy.save_interval(changed["checkpoint_interval_seconds"])
            times["next_save_at"] = now + interval if interval else None
        return times
