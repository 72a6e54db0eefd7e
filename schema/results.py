"""What each mutation answers: its payload, or one of the typed errors that it can meet."""

from datetime import datetime
from typing import Annotated, TypeAlias

import strawberry

from resolvers import payloads
from schema.errors import (
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    NotAllowedNowError,
    NotFoundError,
    QuotaExceededError,
    StaleRevisionError,
)
from schema.field_policies import Mark
from schema.fields import attribute, exactly, node_id
from schema.types.checkpoint import Checkpoint
from schema.types.operation import Operation
from schema.types.people import Member, Token
from schema.types.studio import Studio
from schema.types.workspace import Workspace


@strawberry.type(description="A Studio after a command.")
class StudioPayload:
    """Of every command that leaves the Studio there."""

    studio: Studio = strawberry.field(description="The Studio as it is now.")
    operation: Operation | None = strawberry.field(description="What goes on because of the command; null if nothing does.")

    is_type_of = exactly(payloads.StudioPayloadRow)


@strawberry.type(description="A Studio was deleted, at once and for ever.")
class DeleteStudioPayload:
    """B22."""

    deleted_studio_id: strawberry.ID = node_id("Studio", "The id it had.", attribute="studio_id")

    is_type_of = exactly(payloads.DeleteStudioPayloadRow)


@strawberry.type(description="A way into a running session.")
class ConnectStudioPayload:
    """The payload of `connectStudio`: a URL with a one-time code (docs/architecture.md#the-data-plane)."""

    url: str = attribute("Open it in a browser, or follow it with a cookie jar. It works once.", marks=(Mark.VIEWER,))
    expires_at: datetime = attribute("Until when it works: 60 seconds from now.", marks=(Mark.NOW,))

    is_type_of = exactly(payloads.ConnectStudioPayloadRow)


@strawberry.type(description="A checkpoint after a command.")
class CheckpointPayload:
    """B32."""

    checkpoint: Checkpoint = strawberry.field(description="The checkpoint as it is now.")

    is_type_of = exactly(payloads.CheckpointPayloadRow)


@strawberry.type(description="A new access token.")
class CreateTokenPayload:
    """B94."""

    token: Token = strawberry.field(description="What is known of it.")
    secret: str = strawberry.field(description="What to send as bearer. It is shown here, this once, and kept nowhere.")

    is_type_of = exactly(payloads.CreateTokenPayloadRow)


@strawberry.type(description="An access token that was ended.")
class RevokeTokenPayload:
    """B94."""

    token: Token = strawberry.field(description="What is known of it.")

    is_type_of = exactly(payloads.RevokeTokenPayloadRow)


@strawberry.type(description="A member of a workspace, new or with another role.")
class MemberPayload:
    """B90."""

    member: Member | None = strawberry.field(
        description="The membership as it is now; null if it was ended since the call that is repeated."
    )
    workspace: Workspace | None = strawberry.field(description="Of which workspace; null if the viewer left it.")

    is_type_of = exactly(payloads.MemberPayloadRow)


@strawberry.type(description="A membership was ended.")
class RemoveMemberPayload:
    """B90."""

    removed_user_id: strawberry.ID = node_id("User", "Whose it was.", attribute="user_id")
    workspace: Workspace | None = strawberry.field(description="Of which workspace; null if the viewer left it.")

    is_type_of = exactly(payloads.RemoveMemberPayloadRow)


StudioResult: TypeAlias = Annotated[
    StudioPayload
    | NotFoundError
    | ForbiddenError
    | InvalidInputError
    | ConflictError
    | NotAllowedNowError
    | QuotaExceededError
    | StaleRevisionError,
    strawberry.union("StudioResult", description="The Studio, or why the command was not carried out."),
]

DeleteStudioResult: TypeAlias = Annotated[
    DeleteStudioPayload | NotFoundError | ForbiddenError | InvalidInputError | ConflictError | NotAllowedNowError | StaleRevisionError,
    strawberry.union("DeleteStudioResult", description="What was deleted, or why nothing was."),
]

ConnectStudioResult: TypeAlias = Annotated[
    ConnectStudioPayload | NotFoundError | ForbiddenError | InvalidInputError | NotAllowedNowError,
    strawberry.union("ConnectStudioResult", description="The way in, or why there is none."),
]

CheckpointResult: TypeAlias = Annotated[
    CheckpointPayload | NotFoundError | ForbiddenError | InvalidInputError | ConflictError,
    strawberry.union("CheckpointResult", description="The checkpoint, or why the command was not carried out."),
]

CreateTokenResult: TypeAlias = Annotated[
    CreateTokenPayload | ForbiddenError | InvalidInputError | QuotaExceededError,
    strawberry.union("CreateTokenResult", description="The token, or why there is none."),
]

RevokeTokenResult: TypeAlias = Annotated[
    RevokeTokenPayload | NotFoundError | ForbiddenError | InvalidInputError | ConflictError,
    strawberry.union("RevokeTokenResult", description="The token, or why it is as it was."),
]

MemberResult: TypeAlias = Annotated[
    MemberPayload | NotFoundError | ForbiddenError | InvalidInputError | ConflictError,
    strawberry.union("MemberResult", description="The member, or why nothing was changed."),
]

RemoveMemberResult: TypeAlias = Annotated[
    RemoveMemberPayload | NotFoundError | ForbiddenError | InvalidInputError | ConflictError,
    strawberry.union("RemoveMemberResult", description="Who was removed, or why nobody was."),
]
