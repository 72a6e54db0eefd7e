"""The result unions of mutations: a payload, or one of the typed errors that the mutation can return."""

from datetime import datetime
from typing import Annotated, TypeAlias

import strawberry

from resolvers import payloads
from schema.errors import (
    CheckpointMissingError,
    CheckpointNeededError,
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    NotAllowedNowError,
    NotFoundError,
    QuotaExceededError,
    StaleRevisionError,
    StaleTemplateError,
)
from schema.field_metadata import Mark
from schema.fields import attribute, exactly, node_id
from schema.types.checkpoint import Checkpoint
from schema.types.compute import Template
from schema.types.operation import Operation
from schema.types.people import Member, Token
from schema.types.studio import Studio
from schema.types.workspace import Workspace


@strawberry.type(description="The result of a successful mutation of a Studio.")
class StudioPayload:
    """Of every command that leaves the Studio there."""

    studio: Studio = attribute("The current data of the Studio.")
    operation: Operation | None = attribute(
        "The operation that carries the mutation out; for a repeated call, the one of the first call. Null if there is none, or if a stop "
        "is planned for later."
    )

    is_type_of = exactly(payloads.StudioPayloadRow)


@strawberry.type(description="The result of a successful `deleteStudio` or `discardMigration`.")
class DeleteStudioPayload:
    """B22."""

    deleted_studio_id: strawberry.ID = node_id("Studio", "The id of the deleted Studio.", attribute="studio_id")

    is_type_of = exactly(payloads.DeleteStudioPayloadRow)


@strawberry.type(description="The result of a successful `connectStudio`.")
class ConnectStudioPayload:
    """The payload of `connectStudio`: a URL with a one-time code (docs/architecture.md#the-data-plane)."""

    url: str = attribute(
        "A URL to open in a browser, or with an HTTP client that keeps cookies and follows redirects to the tool. It works once.",
        marks=(Mark.VIEWER,),
    )
    expires_at: datetime = attribute("The time at which the URL expires, 60 seconds after the request.", marks=(Mark.NOW,))

    is_type_of = exactly(payloads.ConnectStudioPayloadRow)


@strawberry.type(description="The result of a successful mutation of a checkpoint.")
class CheckpointPayload:
    """B32, B34, B35."""

    checkpoint: Checkpoint = attribute("The current data of the checkpoint.")
    operation: Operation | None = attribute("The operation that saves the checkpoint. Null except for `checkpointNow`.")

    is_type_of = exactly(payloads.CheckpointPayloadRow)


@strawberry.type(description="The result of a successful `createToken`.")
class CreateTokenPayload:
    """B94."""

    token: Token = attribute("The current data of the token.")
    secret: str = attribute(
        "The secret of the token: send it as `Authorization: Bearer <secret>`. It is returned only here and cannot be read again."
    )

    is_type_of = exactly(payloads.CreateTokenPayloadRow)


@strawberry.type(description="The result of a successful `revokeToken`.")
class RevokeTokenPayload:
    """B94."""

    token: Token = attribute("The current data of the token.")

    is_type_of = exactly(payloads.RevokeTokenPayloadRow)


@strawberry.type(description="The result of a successful `addMember` or `updateMember`.")
class MemberPayload:
    """B90."""

    member: Member | None = attribute(
        "The current data of the member. Null if the call repeats an earlier one and the member was removed since then, or if the viewer "
        "is no longer a member of the workspace."
    )
    workspace: Workspace | None = attribute("The workspace of the member. Null if the viewer is no longer a member of it.")

    is_type_of = exactly(payloads.MemberPayloadRow)


@strawberry.type(description="The result of a successful `removeMember`.")
class RemoveMemberPayload:
    """B90."""

    removed_user_id: strawberry.ID = node_id("User", "The id of the user who was removed.", attribute="user_id")
    workspace: Workspace | None = attribute("The workspace of the member. Null if the viewer is no longer a member of it.")

    is_type_of = exactly(payloads.RemoveMemberPayloadRow)


@strawberry.type(description="The result of a successful `updateWorkspaceSettings`.")
class WorkspacePayload:
    """B93."""

    workspace: Workspace = attribute("The current data of the workspace.")

    is_type_of = exactly(payloads.WorkspacePayloadRow)


@strawberry.type(description="The result of a successful `createTemplate` or `updateTemplate`.")
class TemplatePayload:
    """B71."""

    template: Template = attribute("The current data of the template.")

    is_type_of = exactly(payloads.TemplatePayloadRow)


@strawberry.type(description="The result of a successful `refreshTemplates`.")
class RefreshTemplatesPayload:
    """B72."""

    added: list[Template] = attribute("The templates of newer releases that were added.")
    updated: list[Template] = attribute("The templates whose recipe has changed, and that got its new image.")

    is_type_of = exactly(payloads.RefreshTemplatesPayloadRow)


StudioResult: TypeAlias = Annotated[
    StudioPayload
    | NotFoundError
    | ForbiddenError
    | InvalidInputError
    | ConflictError
    | NotAllowedNowError
    | QuotaExceededError
    | StaleRevisionError
    | CheckpointMissingError,
    strawberry.union("StudioResult", description="The result of a mutation of a Studio: the payload, or an error."),
]

DeleteStudioResult: TypeAlias = Annotated[
    DeleteStudioPayload | NotFoundError | ForbiddenError | InvalidInputError | ConflictError | NotAllowedNowError | StaleRevisionError,
    strawberry.union("DeleteStudioResult", description="The result of `deleteStudio`: the payload, or an error."),
]

DiscardMigrationResult: TypeAlias = Annotated[
    DeleteStudioPayload | NotFoundError | ForbiddenError | InvalidInputError | ConflictError | NotAllowedNowError,
    strawberry.union("DiscardMigrationResult", description="The result of `discardMigration`: the payload, or an error."),
]

ConnectStudioResult: TypeAlias = Annotated[
    ConnectStudioPayload | NotFoundError | ForbiddenError | InvalidInputError | NotAllowedNowError,
    strawberry.union("ConnectStudioResult", description="The result of `connectStudio`: the payload, or an error."),
]

CheckpointResult: TypeAlias = Annotated[
    CheckpointPayload | NotFoundError | ForbiddenError | InvalidInputError | ConflictError | NotAllowedNowError,
    strawberry.union("CheckpointResult", description="The result of `checkpointNow` and `renameCheckpoint`: the payload, or an error."),
]

DeleteCheckpointResult: TypeAlias = Annotated[
    CheckpointPayload | NotFoundError | ForbiddenError | InvalidInputError | ConflictError | CheckpointNeededError,
    strawberry.union("DeleteCheckpointResult", description="The result of `deleteCheckpoint`: the payload, or an error."),
]

CreateTokenResult: TypeAlias = Annotated[
    CreateTokenPayload | ForbiddenError | InvalidInputError | QuotaExceededError,
    strawberry.union("CreateTokenResult", description="The result of `createToken`: the payload, or an error."),
]

RevokeTokenResult: TypeAlias = Annotated[
    RevokeTokenPayload | NotFoundError | ForbiddenError | InvalidInputError | ConflictError,
    strawberry.union("RevokeTokenResult", description="The result of `revokeToken`: the payload, or an error."),
]

MemberResult: TypeAlias = Annotated[
    MemberPayload | NotFoundError | ForbiddenError | InvalidInputError | ConflictError,
    strawberry.union("MemberResult", description="The result of `addMember` and `updateMember`: the payload, or an error."),
]

RemoveMemberResult: TypeAlias = Annotated[
    RemoveMemberPayload | NotFoundError | ForbiddenError | InvalidInputError | ConflictError,
    strawberry.union("RemoveMemberResult", description="The result of `removeMember`: the payload, or an error."),
]

UpdateWorkspaceSettingsResult: TypeAlias = Annotated[
    WorkspacePayload | NotFoundError | ForbiddenError | InvalidInputError | ConflictError,
    strawberry.union("UpdateWorkspaceSettingsResult", description="The result of `updateWorkspaceSettings`: the payload, or an error."),
]

CreateTemplateResult: TypeAlias = Annotated[
    TemplatePayload | NotFoundError | ForbiddenError | InvalidInputError | ConflictError | QuotaExceededError,
    strawberry.union("CreateTemplateResult", description="The result of `createTemplate`: the payload, or an error."),
]

UpdateTemplateResult: TypeAlias = Annotated[
    TemplatePayload | NotFoundError | ForbiddenError | InvalidInputError | ConflictError | StaleTemplateError,
    strawberry.union("UpdateTemplateResult", description="The result of `updateTemplate`: the payload, or an error."),
]

RefreshTemplatesResult: TypeAlias = Annotated[
    RefreshTemplatesPayload | NotFoundError | ForbiddenError | InvalidInputError | ConflictError | QuotaExceededError,
    strawberry.union("RefreshTemplatesResult", description="The result of `refreshTemplates`: the payload, or an error."),
]
