"""What happened in a workspace, whatever it was about."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from resolvers.loads import users
from schema.enums import Role
from schema.fields import attribute, batched, exactly
from schema.scalars import Cursor
from schema.types.operation import Actor
from services.rows.audit import MemberEventRow

if TYPE_CHECKING:
    from schema.types.people import User


@strawberry.interface(description="Something that happened in a workspace, as it stands in its log.")
class Event:
    """B86."""

    cursor: Cursor = attribute("Its place in the log: a stream that begins `after` it gives what came next.")
    at: datetime = attribute("When it happened.")
    actor: Actor = attribute("Who did it, or which cause.")


@strawberry.type(description="A member came, got another role, or went.")
class MemberEvent(Event):
    """B90."""

    user: Annotated["User", strawberry.lazy("schema.types.people")] | None = batched(users.by_id, "Whose membership.", of="user_id")
    role: Role | None = attribute("The role from then on; null = none, they went.")

    is_type_of = exactly(MemberEventRow)
