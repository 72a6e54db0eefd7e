"""The GraphQL types of the audit log of a workspace."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from resolvers.loaders import templates, users
from schema.enums import Role, describe
from schema.fields import attribute, batched, derived, exactly, node_id
from schema.inputs.field_paths import input_path
from schema.scalars import Cursor
from schema.types.operation import Actor
from services.domain.event_payloads import TemplateChange
from services.rows.audit import MemberEventRow, TemplateEventRow, WorkspaceSettingsEventRow

if TYPE_CHECKING:
    from schema.types.compute import Template
    from schema.types.people import User


describe(
    TemplateChange,
    "The kind of change of a template.",
    {
        "ADDED": "The template was added to the workspace.",
        "EDITED": "Values of the template were changed, or its image was replaced because its recipe has changed.",
        "REMOVED": "The template was removed.",
    },
)


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


@strawberry.type(description="A template was added to a workspace, edited or removed.")
class TemplateEvent(Event):
    """B71."""

    template: Annotated["Template", strawberry.lazy("schema.types.compute")] | None = batched(
        templates.by_id, "The current data of the template. Null if the template was removed.", of="template_id"
    )
    template_id: strawberry.ID = node_id("Template", "The id of the template.", attribute="template_id")
    template_name: str = attribute("The name of the template at the time of the event.")
    change: TemplateChange = attribute("The kind of the change.")
    fields: list[str] = derived(
        input_path,
        "The names of the edited fields, as in `UpdateTemplateInput`, such as `image`. Empty for other changes.",
        of="fields",
    )

    is_type_of = exactly(TemplateEventRow)
