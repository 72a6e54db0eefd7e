"""The commands that add, change and remove the members of a workspace (B90, B91). Only an OWNER may run them."""

from dataclasses import dataclass
from typing import Any

from services.authorization import require_in_workspace
from services.commands import CommandRunner, MutationCall
from services.connections import disruption_events
from services.domain.access import MATRIX, Permission, Role, Viewer, role_allows
from services.domain.actor import Actor
from services.domain.errors import Conflict, NotFound
from services.domain.event_payloads import MemberChanged
from services.domain.events import INSTALLATION_STREAM
from services.identity.requests import AddMemberRequest, Membership, RemoveMemberRequest, UpdateMemberRequest
from services.store import disruptions as connection_store
from services.store import members as store
from services.store import outbox, people
from services.store.db.database import Database, Transaction

SCOPE = MATRIX[Permission.MEMBER_MANAGE].scope


@dataclass(frozen=True, slots=True)
class Members:
    """Each method is one command.

    `one_user` applies the rule of `refuse_second_user`. It is false where the server runs no sessions of the kind `process`.
    """

    database: Database
    runner: CommandRunner
    one_user: bool = True

    async def add(self, viewer: Viewer, request: AddMemberRequest) -> Membership:
        """Makes a user of this installation a member. Raises NotFound, Forbidden, and Conflict for a member or a second user."""
        workspace_id, user_name, role = request.workspace_id, request.user_name, request.role

        async def body(transaction: Transaction) -> dict[str, Any]:
            await require_in_workspace(transaction, viewer, workspace_id, Permission.MEMBER_MANAGE)
            if self.one_user:
                await refuse_second_user(transaction)
            user_id = await _user(transaction, user_name)
            if await store.role_in(transaction, workspace_id, user_id) is not None:
                raise Conflict(f"{user_name} is already a member. Change the role with `updateMember`.", field=("user_name",))
            await store.insert_member(transaction, workspace_id, user_id, role)
            await log_member_changed(transaction, viewer.actor, Membership(workspace_id, user_id), role)
            return {"user_id": user_id}

        recorded_input = {"workspace_id": workspace_id, "user_name": user_name, "role": role.name}
        call = MutationCall(viewer, "addMember", SCOPE, request.idempotency_key, recorded_input)
        result = await self.runner.run(call, workspace_id, body)
        return Membership(workspace_id, result["user_id"])

    async def update(self, viewer: Viewer, request: UpdateMemberRequest) -> Membership:
        """Gives a member another role. Raises NotFound, Forbidden, and Conflict for the last OWNER."""
        member, role = request.member, request.role

        async def body(transaction: Transaction) -> dict[str, Any]:
            former = await _former_role(transaction, viewer, member)
            if role is not former:
                await _require_another_owner(transaction, member.workspace_id, former, role)
                await store.set_role(transaction, member.workspace_id, member.user_id, role)
                await _record_change(transaction, viewer, member, role)
            return {}

        recorded_input = {"workspace_id": member.workspace_id, "user_id": member.user_id, "role": role.name}
        call = MutationCall(viewer, "updateMember", SCOPE, request.idempotency_key, recorded_input)
        await self.runner.run(call, member.workspace_id, body)
        return member

    async def remove(self, viewer: Viewer, request: RemoveMemberRequest) -> Membership:
        """Ends a membership. The user's open sessions in the workspace end at once. Raises the same errors as `update`."""
        member = request.member

        async def body(transaction: Transaction) -> dict[str, Any]:
            former = await _former_role(transaction, viewer, member)
            await _require_another_owner(transaction, member.workspace_id, former, None)
            await store.delete_member(transaction, member.workspace_id, member.user_id)
            await _record_change(transaction, viewer, member, None)
            return {}

        recorded_input = {"workspace_id": member.workspace_id, "user_id": member.user_id}
        call = MutationCall(viewer, "removeMember", SCOPE, request.idempotency_key, recorded_input)
        await self.runner.run(call, member.workspace_id, body)
        return member


async def refuse_second_user(transaction: Transaction) -> None:
    """Raises Conflict while an enabled compute environment runs sessions as the server's own user.

    Such sessions could read everything that belongs to the other user (ADR 0005).
    """
    if await store.is_single_user(transaction):
        raise Conflict(
            "Sessions of the process compute environment run as the server's own user, so that this installation takes one person only. "
            "To add others, stop the Studios there, and switch that kind off: start the server once with STUDIOGRAPH_PROCESS_COMPUTE=false."
        )


async def _user(transaction: Transaction, user_name: str) -> str:
    user_id = await people.user_id_of(transaction, user_name) if user_name.isprintable() else None
    if user_id is None:
        raise NotFound(f"There is no user called {user_name!r} here. The operator adds one: `studiograph user add`.", field=("user_name",))
    return user_id


async def _former_role(transaction: Transaction, viewer: Viewer, member: Membership) -> Role:
    await require_in_workspace(transaction, viewer, member.workspace_id, Permission.MEMBER_MANAGE)
    role = await store.role_in(transaction, member.workspace_id, member.user_id)
    if role is None:
        raise NotFound("The user is not a member of this workspace.", field=("user_id",))
    return role


async def _require_another_owner(transaction: Transaction, workspace_id: str, former: Role, role: Role | None) -> None:
    """Raises Conflict if the change leaves no OWNER. The caller holds the stream's lock, so that two owners cannot remove each other."""
    if former is Role.OWNER and role is not Role.OWNER and await store.count_owners(transaction, workspace_id) == 1:
        raise Conflict("This is the last OWNER of the workspace. Make somebody else an OWNER first.", field=("user_id",))


async def _record_change(transaction: Transaction, viewer: Viewer, member: Membership, role: Role | None) -> None:
    """Writes the change to the log, after a connection error for each session that the user may no longer use."""
    if not role_allows(Permission.STUDIO_CONNECT, role):
        connections = await connection_store.of_member(transaction, member.workspace_id, member.user_id)
        events = disruption_events.access_revoked(connections, viewer.actor, "The right to connect in this workspace was withdrawn.")
        if events:
            await outbox.append(transaction, member.workspace_id, events)
    await log_member_changed(transaction, viewer.actor, member, role)


async def log_member_changed(transaction: Transaction, actor: Actor, member: Membership, role: Role | None) -> None:
    """Writes the new role (None: no longer a member) to two streams.

    The workspace's stream is for its readers. Every process that keeps roles in memory follows the installation's stream.
    """
    event = MemberChanged(member.workspace_id, member.user_id, role).event(actor, user_id=member.user_id)
    await outbox.append(transaction, member.workspace_id, [event])
    await outbox.append(transaction, INSTALLATION_STREAM, [event])
