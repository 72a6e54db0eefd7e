"""The row classes of events of a workspace that are not about a Studio."""

from dataclasses import dataclass
from datetime import datetime

from services.domain.access import Role
from services.domain.actor import Actor
from services.domain.event_payloads import MemberChanged, TemplateChange, TemplateChanged, WorkspaceSettingsChanged
from services.domain.events import Cursor, Kind, LoggedEvent
from services.rows.events import StudioEventRow, event_row


@dataclass(frozen=True, slots=True)
class MemberEventRow:
    """A member was added, got another role, or was removed (`role` None)."""

    cursor: Cursor
    at: datetime
    actor: Actor
    user_id: str
    role: Role | None


@dataclass(frozen=True, slots=True)
class WorkspaceSettingsEventRow:
    """Settings of a workspace were changed; `fields` are the names of the changed ones."""

    cursor: Cursor
    at: datetime
    actor: Actor
    fields: list[str]


@dataclass(frozen=True, slots=True)
class TemplateEventRow:
    """A template was added, edited or removed."""

    cursor: Cursor
    at: datetime
    actor: Actor
    template_id: str
    template_name: str
    change: TemplateChange
    fields: list[str]


AnyEventRow = StudioEventRow | MemberEventRow | TemplateEventRow | WorkspaceSettingsEventRow
AUDIT_KINDS = frozenset({Kind.MEMBER_CHANGED, Kind.TEMPLATE_CHANGED, Kind.WORKSPACE_SETTINGS})
"""The kinds of events that lists show and that are not about a Studio."""


def any_event_row(event: LoggedEvent) -> AnyEventRow:
    """Returns the row of an event of SHOWN_KINDS or AUDIT_KINDS."""
    if event.kind is Kind.MEMBER_CHANGED:
        member = MemberChanged.from_json(event.payload)
        return MemberEventRow(event.cursor, event.at, event.actor, member.user_id, member.role)
    if event.kind is Kind.TEMPLATE_CHANGED:
        template = TemplateChanged.from_json(event.payload)
        fields = list(template.fields)
        return TemplateEventRow(event.cursor, event.at, event.actor, template.template_id, template.name, template.change, fields)
    if event.kind is Kind.WORKSPACE_SETTINGS:
        settings = WorkspaceSettingsChanged.from_json(event.payload)
        return WorkspaceSettingsEventRow(event.cursor, event.at, event.actor, list(settings.fields))
    return event_row(event)
