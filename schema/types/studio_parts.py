"""What a Studio consists of."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from resolvers.loads import studios, users
from schema.enums import Action
from schema.fields import attribute, batched, exactly
from services.rows.studio import AvailableActionRow, ConfigurationRow, ConnectedUserRow, SessionConfigurationRow, VariableRow

if TYPE_CHECKING:
    from schema.types.people import User

CPU = "CPU cores; 0 = the compute environment's default."
MEMORY = "Memory in MiB; 0 = the compute environment's default."
LIFESPAN = "After how many hours a session is stopped; 0 = never."
VARIABLES = "Environment variables; those of the compute environment are not among them."


@strawberry.type(description="An environment variable of sessions.")
class EnvironmentVariable:
    """The value of a secret one is not even in the row (B16)."""

    key: str = attribute("Its name.")
    value: str | None = attribute("Its value; null if it is secret.")
    secret: bool = attribute("Whether its value is kept encrypted and never shown.")

    is_type_of = exactly(VariableRow)


@strawberry.type(description="What the sessions of a Studio are given.")
class StudioConfiguration:
    """Amounts are plain; the long parts are loaded when they are asked for."""

    cpu: float = attribute(CPU)
    memory_mib: int = attribute(MEMORY, name="memoryMiB")
    gpu: int = attribute("GPUs.")
    lifespan_hours: int = attribute(LIFESPAN)
    conda_environment: str | None = batched(
        studios.details, "Conda packages, as the text of an environment.yml.", of="studio_id", pick=lambda found: found.conda_environment
    )
    environment: list[EnvironmentVariable] = batched(studios.details, VARIABLES, of="studio_id", pick=lambda found: found.environment)

    is_type_of = exactly(ConfigurationRow)


@strawberry.type(description="What one session was given.")
class SessionConfiguration:
    """As of its start."""

    cpu: float = attribute(CPU)
    memory_mib: int = attribute(MEMORY, name="memoryMiB")
    gpu: int = attribute("GPUs.")
    lifespan_hours: int = attribute(LIFESPAN)
    environment: list[EnvironmentVariable] = attribute(VARIABLES)

    is_type_of = exactly(SessionConfigurationRow)


@strawberry.type(description="An action, and whether the viewer may take it now.")
class AvailableAction:
    """B6."""

    action: Action = attribute("What could be done.")
    allowed: bool = attribute("Whether the viewer may, in the Studio's present status.")
    reason: str | None = attribute("If not: why, in words for the viewer.")
    until: datetime | None = attribute(
        "If not: when it will be allowed, should the status still be the same then; null where that is not known."
    )

    is_type_of = exactly(AvailableActionRow)


@strawberry.type(description="Somebody who has the running session open.")
class ConnectedUser:
    """B52."""

    user: Annotated["User", strawberry.lazy("schema.types.people")] = batched(users.by_id, "Who it is.", of="user_id")
    connected_at: datetime = attribute("Since when.")
    last_active_at: datetime = attribute("When they last did something there.")
    tabs: int = attribute("How many tabs they have open.")

    is_type_of = exactly(ConnectedUserRow)
