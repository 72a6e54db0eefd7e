"""The GraphQL types of operations: a start or stop, with its steps and actor."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from resolvers.loaders import operations, studios, users
from schema.enums import OperationKind, OperationState, StepState
from schema.fields import attribute, batched, exactly, node_id
from schema.types.node import Node
from services.domain.actor import Actor as ActorRow
from services.rows.people import OperationRow, StepRow

if TYPE_CHECKING:
    from schema.types.people import User
    from schema.types.studio import Studio


@strawberry.type(description="The user or the part of the system that caused something.")
class Actor:
    """By value, as of then; only `user` is as of now."""

    name: str | None = attribute("The user name at that time. Null for the system.")
    cause: str | None = attribute(
        "The cause of an automatic action as a stable word, for example `lifespan` or `process-exit`. Null for a user."
    )
    user: Annotated["User", strawberry.lazy("schema.types.people")] | None = batched(
        users.by_id, "The current data of the user. Null for the system.", of="user_id"
    )

    is_type_of = exactly(ActorRow)


@strawberry.type(description="One step of an operation.")
class ProgressStep:
    """B84."""

    name: str = attribute("The name of the step, as text for people, for example `Save the checkpoint`.")
    state: StepState = attribute("The state of the step.")
    message: str | None = attribute("More about the step, for example why it failed, as text for people. Null if there is nothing to add.")
    started_at: datetime | None = attribute("The time at which the step began. Null if it has not begun.")
    ended_at: datetime | None = attribute("The time at which the step ended. Null if it has not ended.")

    is_type_of = exactly(StepRow)


@strawberry.type(description="The record of one start or stop of a Studio. It stays after the Studio was deleted.")
class Operation(Node):
    """It outlives the Studio."""

    id: strawberry.ID = node_id("Operation")
    kind: OperationKind = attribute("The kind of the operation.")
    state: OperationState = attribute("The state of the operation.")
    actor: Actor = attribute("The user or the part of the system that requested the operation.")
    steps: list[ProgressStep] = batched(operations.steps, "The steps of the operation, in order.", of="id")
    error: str | None = attribute(
        "Why the operation failed or was cancelled, as text for people. Null while it is in progress, and after success."
    )
    deadline: datetime | None = attribute("The time at which the operation fails unless it has ended. Null if there is no limit.")
    created_at: datetime = attribute("The time at which the operation was requested.")
    ended_at: datetime | None = attribute("The time at which the operation ended. Null if it has not ended.")
    studio_name: str = attribute("The name of the Studio at the time of the request.")
    studio: Annotated["Studio", strawberry.lazy("schema.types.studio")] | None = batched(
        studios.by_id, "The current data of the Studio. Null after the Studio was deleted.", of="studio_id"
    )

    is_type_of = exactly(OperationRow)
