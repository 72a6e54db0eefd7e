"""The operator's commands that show, change and remove users and workspaces; `people` has those that add them."""

from dataclasses import dataclass
from typing import Any

from services.commands import CommandRunner
from services.domain.access import Operator, OperatorPermission
from services.domain.errors import Conflict, NotFound, StillNeeded
from services.domain.event_payloads import TokenRevoked
from services.domain.events import INSTALLATION_STREAM
from services.domain.names import name_key
from services.domain.problems import Problems
from services.identity.members import log_member_changed
from services.identity.requests import Membership
from services.store import dependents, members, outbox, people, tokens
from services.store import directory as store
from services.store.db.database import Transaction
from services.store.directory import OrganizationState, UserState, WorkspaceState


@dataclass(frozen=True, slots=True)
class UserDirectory:
    """The users and workspaces of the installation. Methods that take an operator may raise Forbidden."""

    runner: CommandRunner

    async def users(self) -> list[UserState]:
        """Returns all users by name."""
        async with self.runner.database.read() as reader:
            return await store.users(reader)

    async def find_user(self, user_name: str) -> UserState:
        """Returns the user of that name. Raises NotFound."""
        async with self.runner.database.read() as reader:
            user = await store.find_user(reader, user_name)
        if user is None:
            raise NotFound(f"There is no user {user_name}. Add one: studiograph user add {user_name}")
        return user

    async def roles_of(self, user: UserState) -> dict[str, str]:
        """Returns the user's role in each workspace, by the workspace's slug."""
        async with self.runner.database.read() as reader:
            return {slug: role.name for slug, role in await store.roles_of_user(reader, user.id)}

    async def edit_user(self, operator: Operator, user: UserState, *, display_name: str | None = None, email: str | None = None) -> None:
        """Changes the display name, and the e-mail address ("" = none). Raises InvalidInput."""

        async def body(transaction: Transaction) -> None:
            await store.change_user(transaction, user.id, **values)

        values: dict[str, Any] = {} if email is None else {"email": email or None}
        if display_name is not None:
            problems = Problems()
            problems.check_name(display_name, "display_name", "A display name")
            problems.raise_any()
            values["display_name"] = display_name.strip()
        await self.runner.run_for_operator(operator, OperatorPermission.USER_MANAGE, None, body)

    async def remove_user(self, operator: Operator, user: UserState) -> None:
        """Removes a user with tokens, logins and memberships; open streams end at once.

        Raises StillNeeded while something of theirs is there: Studios, sessions, checkpoints, a workspace without another OWNER.
        """

        async def body(transaction: Transaction) -> None:
            workspace_ids = await store.workspace_ids_of(transaction, user.id)
            for stream_id in (*workspace_ids, INSTALLATION_STREAM):
                await outbox.lock_stream(transaction, stream_id)
            needed_by = await dependents.of_user(transaction, user.id)
            if needed_by:
                raise StillNeeded(f"The user {user.user_name}", needed_by)
            for workspace_id in workspace_ids:
                await log_member_changed(transaction, operator.actor, Membership(workspace_id, user.id), None)
            revoked = [
                TokenRevoked(token.id).event(operator.actor, user_id=user.id) for token in await tokens.of_user(transaction, user.id)
            ]
            await outbox.append(transaction, INSTALLATION_STREAM, revoked)
            await store.remove_user(transaction, user.id)

        await self.runner.run_for_operator(operator, OperatorPermission.USER_MANAGE, None, body)

    async def organizations(self) -> list[OrganizationState]:
        """Returns all organizations by slug."""
        async with self.runner.database.read() as reader:
            return await store.organizations(reader)

    async def find_organization(self, slug: str) -> OrganizationState:
        """Returns the organization with that slug. Raises NotFound."""
        async with self.runner.database.read() as reader:
            organization = await store.find_organization(reader, slug)
        if organization is None:
            raise NotFound(f"There is no organization {slug}. `studiograph organization list` shows those that there are.")
        return organization

    async def workspaces(self) -> list[WorkspaceState]:
        """Returns all workspaces by slug."""
        async with self.runner.database.read() as reader:
            return await store.workspaces(reader)

    async def find_workspace(self, slug: str) -> WorkspaceState:
        """Returns the workspace with that slug. Raises NotFound."""
        async with self.runner.database.read() as reader:
            workspace = await store.find_workspace(reader, slug)
        if workspace is None:
            raise NotFound(f"There is no workspace {slug}. Add one: studiograph workspace add {slug} --owner USER")
        return workspace

    async def members_of(self, workspace: WorkspaceState) -> dict[str, str]:
        """Returns the role of each member, by user name."""
        async with self.runner.database.read() as reader:
            return {user_name: role.name for _, user_name, role in await store.members_of(reader, workspace.id)}

    async def rename_workspace(self, operator: Operator, workspace: WorkspaceState, name: str) -> None:
        """Changes the name; the slug stays. Raises InvalidInput, and Conflict for a name that is taken in the organization."""

        async def body(transaction: Transaction) -> None:
            key = name_key(name)
            if key != workspace.name_key and await people.workspace_name_taken(transaction, workspace.organization_id, key):
                raise Conflict(f"The organization has a workspace named {name.strip()} already.", field=("name",))
            await store.change_workspace(transaction, workspace.id, name=name.strip(), name_key=key)

        problems = Problems()
        problems.check_name(name)
        problems.raise_any()
        await self.runner.run_for_operator(operator, OperatorPermission.WORKSPACE_MANAGE, workspace.id, body)

    async def remove_workspace(self, operator: Operator, workspace: WorkspaceState) -> None:
        """Removes a workspace with its templates and memberships. Its events stay until they are too old.

        Raises StillNeeded while it has Studios, checkpoints with data or compute environments.
        """

        async def body(transaction: Transaction) -> None:
            needed_by = await dependents.of_workspace(transaction, workspace.id)
            if needed_by:
                raise StillNeeded(f"The workspace {workspace.slug}", needed_by)
            for user_id, _, _ in await store.members_of(transaction, workspace.id):
                await members.delete_member(transaction, workspace.id, user_id)
                await log_member_changed(transaction, operator.actor, Membership(workspace.id, user_id), None)
            await store.remove_workspace(transaction, workspace.id)

        await self.runner.run_for_operator(operator, OperatorPermission.WORKSPACE_MANAGE, workspace.id, body)
