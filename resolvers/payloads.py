"""Reads the payloads of mutations after their commands. A repeated call returns the present data of the same objects (B95)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from resolvers.context import Context
from services.domain.access import Resource
from services.domain.errors import NotFound
from services.identity.requests import Membership
from services.rows.organizations import MemberRow, TemplateRow, WorkspaceRow
from services.rows.people import OperationRow, TokenRow
from services.rows.studio import CheckpointRow, StudioRow
from services.store.db.database import Reader
from services.store.reads import checkpoints, compute, operations, organizations, people, studios
from services.studios.requests import CheckpointOutcome, StudioOutcome
from services.templates.requests import RefreshOutcome


@dataclass(frozen=True, slots=True)
class StudioPayloadRow:
    """The current Studio, and the operation that carries the command out."""

    studio: StudioRow
    operation: OperationRow | None


@dataclass(frozen=True, slots=True)
class DeleteStudioPayloadRow:
    """The id of the deleted Studio."""

    studio_id: str


@dataclass(frozen=True, slots=True)
class ConnectStudioPayloadRow:
    """The URL that opens the session once."""

    url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class CheckpointPayloadRow:
    """The current checkpoint, and the operation that saves it."""

    checkpoint: CheckpointRow
    operation: OperationRow | None


@dataclass(frozen=True, slots=True)
class CreateTokenPayloadRow:
    """A new token and its secret, which nothing returns again."""

    token: TokenRow
    secret: str


@dataclass(frozen=True, slots=True)
class RevokeTokenPayloadRow:
    """The current token."""

    token: TokenRow


@dataclass(frozen=True, slots=True)
class MemberPayloadRow:
    """The current member. None in a repeated call, if the member or the viewer was removed since the first one."""

    member: MemberRow | None
    workspace: WorkspaceRow | None


@dataclass(frozen=True, slots=True)
class RemoveMemberPayloadRow:
    """The user who was removed. The workspace is None if viewers removed themselves."""

    user_id: str
    workspace: WorkspaceRow | None


@dataclass(frozen=True, slots=True)
class WorkspacePayloadRow:
    """The current workspace."""

    workspace: WorkspaceRow


@dataclass(frozen=True, slots=True)
class TemplatePayloadRow:
    """The current template."""

    template: TemplateRow


@dataclass(frozen=True, slots=True)
class RefreshTemplatesPayloadRow:
    """The current rows of the templates that were added, and of those that got another image."""

    added: list[TemplateRow]
    updated: list[TemplateRow]


async def studio(context: Context, outcome: StudioOutcome) -> StudioPayloadRow:
    """Returns the payload of commands on a Studio. Raises NotFound in a repeated call if the Studio was deleted since the first one."""
    async with context.services.database.read() as reader:
        studio_rows = await studios.by_ids(reader, context.viewer.user_id, [outcome.studio_id])
        operation = await _operation(reader, context, outcome.operation_id)
    if outcome.studio_id not in studio_rows:
        raise NotFound("The Studio was deleted.", field=("studio_id",))
    return StudioPayloadRow(studio_rows[outcome.studio_id], operation)


async def deleted_studio(_context: Context, outcome: StudioOutcome) -> DeleteStudioPayloadRow:
    """Returns the payload of `deleteStudio`. There is nothing to read."""
    return DeleteStudioPayloadRow(outcome.studio_id)


async def connection(_context: Context, issued: tuple[str, datetime]) -> ConnectStudioPayloadRow:
    """Returns the payload of `connectStudio` from the URL and the time until which it is valid."""
    url, expires_at = issued
    return ConnectStudioPayloadRow(url, expires_at)


async def checkpoint(context: Context, outcome: CheckpointOutcome) -> CheckpointPayloadRow:
    """Returns the payload of commands on a checkpoint. Raises NotFound in a repeated call if the viewer no longer sees the checkpoint."""
    async with context.services.database.read() as reader:
        rows = await checkpoints.by_ids(reader, context.viewer.user_id, [outcome.checkpoint_id])
        operation = await _operation(reader, context, outcome.operation_id)
    if outcome.checkpoint_id not in rows:
        raise NotFound("The checkpoint no longer exists, or you have no access to it.", field=("checkpoint_id",))
    return CheckpointPayloadRow(rows[outcome.checkpoint_id], operation)


async def new_token(context: Context, issued: tuple[str, str]) -> CreateTokenPayloadRow:
    """Returns the payload of `createToken` from the id and the secret of the token. Nothing else returns a secret."""
    token_id, secret = issued
    return CreateTokenPayloadRow(await _token(context, token_id), secret)


async def revoked_token(context: Context, token_id: str) -> RevokeTokenPayloadRow:
    """Returns the payload of `revokeToken`. A revoked token stays in the list of its user."""
    return RevokeTokenPayloadRow(await _token(context, token_id))


async def member(context: Context, membership: Membership) -> MemberPayloadRow:
    """Returns the payload of `addMember` and `updateMember`. A repeated call may see neither the member nor the workspace any more."""
    async with context.services.database.read() as reader:
        row = await people.member(reader, context.viewer.user_id, membership.workspace_id, membership.user_id)
        workspaces = await organizations.workspaces(reader, context.viewer.user_id, [membership.workspace_id])
    return MemberPayloadRow(row, workspaces.get(membership.workspace_id))


async def removed_member(context: Context, membership: Membership) -> RemoveMemberPayloadRow:
    """Returns the payload of `removeMember`. Owners who removed themselves no longer see the workspace."""
    async with context.services.database.read() as reader:
        workspaces = await organizations.workspaces(reader, context.viewer.user_id, [membership.workspace_id])
    return RemoveMemberPayloadRow(membership.user_id, workspaces.get(membership.workspace_id))


async def workspace(context: Context, workspace_id: str) -> WorkspacePayloadRow:
    """Returns the payload of commands on a workspace. Raises NotFound in a repeated call if the viewer no longer sees it."""
    async with context.services.database.read() as reader:
        rows = await organizations.workspaces(reader, context.viewer.user_id, [workspace_id])
    if workspace_id not in rows:
        raise Resource.WORKSPACE.not_found()
    return WorkspacePayloadRow(rows[workspace_id])


async def template(context: Context, template_id: str) -> TemplatePayloadRow:
    """Returns the payload of `createTemplate` and `updateTemplate`. Raises NotFound in a repeated call if the template was removed."""
    rows = await _templates(context, [template_id])
    if not rows:
        raise NotFound("The template was removed.", field=("template_id",))
    return TemplatePayloadRow(rows[0])


async def refreshed_templates(context: Context, outcome: RefreshOutcome) -> RefreshTemplatesPayloadRow:
    """Returns the payload of `refreshTemplates`; in a repeated call without templates that were removed since the first one."""
    return RefreshTemplatesPayloadRow(await _templates(context, outcome.added), await _templates(context, outcome.updated))


async def _templates(context: Context, ids: Sequence[str]) -> list[TemplateRow]:
    async with context.services.database.read() as reader:
        rows = await compute.templates(reader, context.viewer.user_id, ids)
    return [rows[template_id] for template_id in ids if template_id in rows]


async def _token(context: Context, token_id: str) -> TokenRow:
    async with context.services.database.read() as reader:
        tokens = await people.tokens(reader, context.viewer.user_id)
    return next(token for token in tokens if token.id == token_id)


async def _operation(reader: Reader, context: Context, operation_id: str | None) -> OperationRow | None:
    if operation_id is None:
        return None
    return (await operations.by_ids(reader, context.viewer.user_id, [operation_id])).get(operation_id)
