"""What mutations answer when they succeed: what they were about, read afresh, so that a replay tells of it as it is now (B95)."""

from dataclasses import dataclass
from datetime import datetime

from resolvers.context import Context
from services.domain.errors import NotFound
from services.identity.requests import Membership
from services.rows.organizations import MemberRow, WorkspaceRow
from services.rows.people import OperationRow, TokenRow
from services.rows.studio import CheckpointRow, StudioRow
from services.store.reads import checkpoints, operations, organizations, people, studios
from services.studios.requests import StudioOutcome


@dataclass(frozen=True, slots=True)
class StudioPayloadRow:
    """The Studio as it is now, and what goes on because of the command."""

    studio: StudioRow
    operation: OperationRow | None


@dataclass(frozen=True, slots=True)
class DeleteStudioPayloadRow:
    """What was deleted."""

    studio_id: str


@dataclass(frozen=True, slots=True)
class ConnectStudioPayloadRow:
    """An address that lets in once."""

    url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class CheckpointPayloadRow:
    """The checkpoint as it is now."""

    checkpoint: CheckpointRow


@dataclass(frozen=True, slots=True)
class CreateTokenPayloadRow:
    """A token, and this once its secret."""

    token: TokenRow
    secret: str


@dataclass(frozen=True, slots=True)
class RevokeTokenPayloadRow:
    """The token as it is now."""

    token: TokenRow


@dataclass(frozen=True, slots=True)
class MemberPayloadRow:
    """The member as of now; None where a replay tells of somebody who was removed meanwhile, or the viewer was."""

    member: MemberRow | None
    workspace: WorkspaceRow | None


@dataclass(frozen=True, slots=True)
class RemoveMemberPayloadRow:
    """Who was removed; the workspace is None where viewers removed themselves."""

    user_id: str
    workspace: WorkspaceRow | None


async def studio(context: Context, done: StudioOutcome) -> StudioPayloadRow:
    """Raises NotFound where a replay tells of a Studio that is gone by now."""
    async with context.services.database.read() as reader:
        found = await studios.by_ids(reader, context.viewer.user_id, [done.studio_id])
        going_on = await operations.by_ids(reader, context.viewer.user_id, [done.operation_id]) if done.operation_id else {}
    if done.studio_id not in found:
        raise NotFound("The Studio was deleted.", field=("studio_id",))
    return StudioPayloadRow(found[done.studio_id], going_on.get(done.operation_id or ""))


async def deleted_studio(_context: Context, done: StudioOutcome) -> DeleteStudioPayloadRow:
    """There is nothing to read."""
    return DeleteStudioPayloadRow(done.studio_id)


async def connection(_context: Context, done: tuple[str, datetime]) -> ConnectStudioPayloadRow:
    """Neither is there here."""
    return ConnectStudioPayloadRow(*done)


async def checkpoint(context: Context, checkpoint_id: str) -> CheckpointPayloadRow:
    """Raises NotFound where a replay tells of a checkpoint that the viewer sees no more."""
    async with context.services.database.read() as reader:
        found = await checkpoints.by_ids(reader, context.viewer.user_id, [checkpoint_id])
    if checkpoint_id not in found:
        raise NotFound("The checkpoint no longer exists, or you have no access to it.", field=("checkpoint_id",))
    return CheckpointPayloadRow(found[checkpoint_id])


async def new_token(context: Context, done: tuple[str, str]) -> CreateTokenPayloadRow:
    """The only place from which a secret is ever shown."""
    token_id, secret = done
    return CreateTokenPayloadRow(await _token(context, token_id), secret)


async def revoked_token(context: Context, token_id: str) -> RevokeTokenPayloadRow:
    """The token stays in its owner's list."""
    return RevokeTokenPayloadRow(await _token(context, token_id))


async def member(context: Context, done: Membership) -> MemberPayloadRow:
    """Both parts may be gone where a replay tells of them."""
    async with context.services.database.read() as reader:
        found = await people.member(reader, context.viewer.user_id, done.workspace_id, done.user_id)
        workspaces = await organizations.workspaces(reader, context.viewer.user_id, [done.workspace_id])
    return MemberPayloadRow(found, workspaces.get(done.workspace_id))


async def removed_member(context: Context, done: Membership) -> RemoveMemberPayloadRow:
    """Owners who removed themselves see the workspace no more."""
    async with context.services.database.read() as reader:
        workspaces = await organizations.workspaces(reader, context.viewer.user_id, [done.workspace_id])
    return RemoveMemberPayloadRow(done.user_id, workspaces.get(done.workspace_id))


async def _token(context: Context, token_id: str) -> TokenRow:
    async with context.services.database.read() as reader:
        own = await people.tokens(reader, context.viewer.user_id)
    return next(token for token in own if token.id == token_id)
