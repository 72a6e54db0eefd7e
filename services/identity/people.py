"""The commands by which the operator creates users, organizations and workspaces: from the command line, and for the demo."""

import re
from dataclasses import dataclass

from services.commands import CommandRunner
from services.domain.access import Operator, OperatorPermission, Role
from services.domain.errors import Conflict, NotFound
from services.domain.ids import new_id
from services.domain.names import name_key
from services.domain.problems import Problems
from services.identity.members import log_member_changed, refuse_second_user
from services.identity.requests import Membership
from services.store import members, outbox
from services.store import people as store
from services.store.db.database import Transaction

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
"""The short name of an organization or workspace: 1 to 64 characters, since it is part of addresses and commands."""

USER_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
"""A user name: like a slug, but it may contain `.` and `_` too."""


@dataclass(frozen=True, slots=True)
class People:
    """Each method is one transaction. Those that create something return the id of the new row, and may raise Forbidden."""

    runner: CommandRunner

    async def create_user(self, operator: Operator, user_name: str, display_name: str | None = None, email: str | None = None) -> str:
        """Creates a user without a membership. Raises InvalidInput, and Conflict for a name that is taken or a second user (ADR 0005)."""
        display_name = (display_name or user_name).strip()
        problems = Problems()
        _check_pattern(
            problems, "user_name", "A user name", user_name, USER_NAME, "letters a to z, digits, and inside also `.`, `_` and `-`"
        )
        problems.check_name(display_name, "display_name", "A display name")
        problems.raise_any()

        async def body(transaction: Transaction) -> str:
            if await store.user_id_of(transaction, user_name) is not None:
                raise Conflict(f"There is a user called {user_name} already.", field=("user_name",))
            if await store.any_user(transaction):
                await refuse_second_user(transaction)
            user_id = new_id()
            await store.insert_user(transaction, {"id": user_id, "user_name": user_name, "display_name": display_name, "email": email})
            return user_id

        return await self.runner.run_for_operator(operator, OperatorPermission.USER_MANAGE, None, body)

    async def are_several(self) -> bool:
        """Returns whether this installation has more than one user."""
        async with self.runner.database.read() as reader:
            return await store.several_users(reader)

    async def create_organization(self, operator: Operator, slug: str, name: str) -> str:
        """Creates an organization with its event stream. Raises InvalidInput, and Conflict for a slug that is taken."""

        async def body(transaction: Transaction) -> str:
            if await store.organization_id_of(transaction, slug) is not None:
                raise Conflict(f"There is an organization called {slug} already.", field=("slug",))
            organization_id = new_id()
            await store.insert_organization(transaction, {"id": organization_id, "slug": slug, "name": name.strip()})
            await outbox.create_stream(transaction, organization_id)
            return organization_id

        check_slug_and_name(slug, name)
        return await self.runner.run_for_operator(operator, OperatorPermission.WORKSPACE_MANAGE, None, body)

    async def create_workspace(self, operator: Operator, organization_id: str, slug: str, name: str, owner_id: str) -> str:
        """Creates a workspace with its event stream and its first OWNER. Raises NotFound, InvalidInput, Conflict."""

        async def body(transaction: Transaction) -> str:
            await _require_free_name(transaction, organization_id, slug, name)
            owner_name = await store.user_name_of(transaction, owner_id)
            if owner_name is None:
                raise NotFound.absent("user")
            workspace_id = new_id()
            values = {
                "id": workspace_id,
                "organization_id": organization_id,
                "slug": slug,
                "name": name.strip(),
                "name_key": name_key(name),
            }
            await store.insert_workspace(transaction, values)
            await outbox.create_stream(transaction, workspace_id)
            await _join(transaction, operator, Membership(workspace_id, owner_id), Role.OWNER)
            return workspace_id

        check_slug_and_name(slug, name)
        return await self.runner.run_for_operator(operator, OperatorPermission.WORKSPACE_MANAGE, None, body)

    async def join(self, operator: Operator, workspace_id: str, user_id: str, role: Role) -> None:
        """Gives a user a role in a workspace, in place of the role that they may have there."""

        async def body(transaction: Transaction) -> None:
            if await members.role_in(transaction, workspace_id, user_id) is not None:
                await members.delete_member(transaction, workspace_id, user_id)
            await _join(transaction, operator, Membership(workspace_id, user_id), role)

        await self.runner.run_for_operator(operator, OperatorPermission.WORKSPACE_MANAGE, workspace_id, body)

    async def find_user(self, user_name: str) -> str | None:
        """Returns the id of the user with that user name, or None."""
        async with self.runner.database.read() as reader:
            return await store.user_id_of(reader, user_name)

    async def find_organization(self, slug: str) -> str | None:
        """Returns the id of the organization with that slug, or None."""
        async with self.runner.database.read() as reader:
            return await store.organization_id_of(reader, slug)

    async def find_workspace(self, slug: str) -> str | None:
        """Returns the id of the workspace with that slug, or None."""
        async with self.runner.database.read() as reader:
            return await store.workspace_id_of(reader, slug)


def check_slug_and_name(slug: str, name: str) -> None:
    """Raises InvalidInput if these cannot be the slug and the name of an organization or workspace."""
    problems = Problems()
    _check_pattern(problems, "slug", "A slug", slug, SLUG, "letters a to z, digits, and inside also `-`")
    problems.check_name(name)
    problems.raise_any()


def _check_pattern(problems: Problems, path: str, noun: str, text: str, pattern: re.Pattern[str], characters: str) -> None:
    if not pattern.fullmatch(text):
        problems.add(path, "FORMAT", f"{noun} has 1 to 64 characters: {characters}.")


async def _require_free_name(transaction: Transaction, organization_id: str, slug: str, name: str) -> None:
    if not await store.organization_exists(transaction, organization_id):
        raise NotFound.absent("organization")
    if await store.workspace_id_of(transaction, slug) is not None:
        raise Conflict(f"There is a workspace called {slug} already.", field=("slug",))
    if await store.workspace_name_taken(transaction, organization_id, name_key(name)):
        raise Conflict(f"The organization has a workspace named {name.strip()} already.", field=("name",))


async def _join(transaction: Transaction, operator: Operator, membership: Membership, role: Role) -> None:
    await members.insert_member(transaction, membership.workspace_id, membership.user_id, role)
    await log_member_changed(transaction, operator.actor, membership, role)
