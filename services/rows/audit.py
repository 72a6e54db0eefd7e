"""The row classes of events of a workspace that are not about a Studio."""

from dataclasses import dataclass
from datetime import datetime

from services.domain.access import Role
from services.domain.actor import Actor
from services.domain.event_payloads import MemberChanged, WorkspaceSettingsChanged
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


AnyEventRow = StudioEventRow | MemberEventRow | WorkspaceSettingsEventRow


def any_event_row(event: LoggedEvent) -> AnyEventRow:
    """Returns the row of an event of SHOWN_KINDS, or of a change of members or of the workspace."""
    if event.kind is Kind.WORKSPACE_SETTINGS:
        changed = WorkspaceSettingsChanged.from_json(event.payload)
        return WorkspaceSettingsEventRow(event.cursor, event.at, event.actor, list(changed.fields))
    if event.kind is not Kind.MEMBER_CHANGED:
        return event_row(event)
    payload = MemberChanged.from_json(event.payload)
    return MemberEventRow(event.cursor, event.at, event.actor, payload.user_id, payload.role)
