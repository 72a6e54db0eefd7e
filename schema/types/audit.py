"""The GraphQL types of the audit log of a workspace."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from resolvers.loaders import users
from schema.enums import Role
from schema.fields import attribute, batched, derived, exactly
from schema.inputs.field_paths import input_path
from schema.scalars import Cursor
from schema.types.operation import Actor
from services.rows.audit import MemberEventRow, WorkspaceSettingsEventRow

if TYPE_CHECKING:
    from schema.types.people import User


@strawberry.interface(description="An event in the event log of a workspace.")
class Event:
    """B86."""

    cursor: Cursor = attribute("The position of the event in the event log. Pass it as `after` of a subscription to receive later events.")
    at: datetime = attribute("The time at which the event was recorded.")
    actor: Actor = attribute("The user or the part of the system that caused the event.")


@strawberry.type(description="A member was added to a workspace, was given another role, or was removed.")
class MemberEvent(Event):
    """B90."""

    user: Annotated["User", strawberry.lazy("schema.types.people")] | None = batched(
        users.by_id, "The current data of the user who is or was the member. Null if the account no longer exists.", of="user_id"
    )
    role: Role | None = attribute("The role of the member after the event. Null if the member was removed.")

    is_type_of = exactly(MemberEventRow)


@strawberry.type(description="Settings of the workspace were changed.")
class WorkspaceSettingsEvent(Event):
    """B93."""

    fields: list[str] = derived(
        input_path, "The names of the changed settings, as in `UpdateWorkspaceSettingsInput`, for example `lifespanHours`.", of="fields"
    )

    is_type_of = exactly(WorkspaceSettingsEventRow)
