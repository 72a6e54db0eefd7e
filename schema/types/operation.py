"""The record of an action, and who took it."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from resolvers.loads import operations, studios, users
from schema.enums import OperationKind, OperationState, StepState
from schema.fields import attribute, batched, exactly, node_id
from schema.types.node import Node
from services.domain.actor import Actor as ActorRow
from services.rows.people import OperationRow, StepRow

if TYPE_CHECKING:
    from schema.types.people import User
    from schema.types.studio import Studio


@strawberry.type(description="Who did something: a user, or the system with a cause.")
class Actor:
    """By value, as of then; only `user` is as of now."""

    name: str | None = attribute("The user's name as it was then; null for the system.")
    cause: str | None = attribute("For the system: a stable word such as `lifespan` or `process-exit`; null for a user.")
    user: Annotated["User", strawberry.lazy("schema.types.people")] | None = batched(
        users.by_id, "The user as they are now; null for the system.", of="user_id"
    )

    is_type_of = exactly(ActorRow)


@strawberry.type(description="One step of an operation.")
class ProgressStep:
    """B84."""

    name: str = attribute("What it does, in words for people.")
    state: StepState = attribute("How it stands.")
    message: str | None = attribute("More about it, such as what it waits for or why it failed.")
    started_at: datetime | None = attribute("When it began.")
    ended_at: datetime | None = attribute("When it ended.")

    is_type_of = exactly(StepRow)


@strawberry.type(description="The record of one action on a Studio.")
class Operation(Node):
    """It outlives the Studio."""

    id: strawberry.ID = node_id("Operation")
    kind: OperationKind = attribute("What it does.")
    state: OperationState = attribute("How it stands.")
    actor: Actor = attribute("Who asked for it.")
    steps: list[ProgressStep] = batched(operations.steps, "What it goes through, in order.", of="id")
    error: str | None = attribute("Why it failed, in words for people.")
    deadline: datetime | None = attribute("When it counts as failed unless it has ended; null = never.")
    created_at: datetime = attribute("When it was asked for.")
    ended_at: datetime | None = attribute("When it ended.")
    studio_name: str = attribute("The Studio's name as it was then.")
    studio: Annotated["Studio", strawberry.lazy("schema.types.studio")] | None = batched(
        studios.by_id, "The Studio as it is now; null once it was deleted.", of="studio_id"
    )

    is_type_of = exactly(OperationRow)
