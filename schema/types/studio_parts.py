"""The parts of a Studio: configuration, available actions, connected users."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from resolvers.loaders import studios, users
from schema.enums import Action
from schema.fields import attribute, batched, exactly
from services.domain import labels
from services.rows.studio import AvailableActionRow, ConfigurationRow, ConnectedUserRow, SessionConfigurationRow, VariableRow

if TYPE_CHECKING:
    from schema.types.people import User

CPU = "The number of CPU cores. 0 means the default of the compute environment, which is no limit."
MEMORY = "The memory in MiB. 0 means the default of the compute environment, which is no limit."
LIFESPAN = "The hours after which a session is stopped, counted from the time at which it is running. 0 means no limit."
VARIABLES = "The environment variables, without those of the compute environment."


@strawberry.type(description="A label of a Studio, by which people and programs group Studios.")
class Label:
    """B86."""

    key: str = attribute("The key of the label. A Studio has one label of each key.")
    value: str = attribute("The value of the label.")

    is_type_of = exactly(labels.Label)


@strawberry.type(description="An environment variable of a session.")
class EnvironmentVariable:
    """The value of a secret one is not even in the row (B16)."""

    key: str = attribute("The name of the variable.")
    value: str | None = attribute("The value of the variable. Null if the variable is secret.")
    secret: bool = attribute("Whether the value is stored encrypted and never returned.")

    is_type_of = exactly(VariableRow)


@strawberry.type(description="The configuration of the sessions of a Studio.")
class StudioConfiguration:
    """Amounts are plain; the long parts are loaded when they are asked for."""

    cpu: float = attribute(CPU)
    memory_mib: int = attribute(MEMORY, name="memoryMiB")
    gpu: int = attribute("The number of GPUs; may be 0.")
    lifespan_hours: int = attribute(LIFESPAN)
    conda_environment: str | None = batched(
        studios.details,
        "The Conda packages, as the text of an `environment.yml` file. Null if there are none.",
        of="studio_id",
        pick=lambda details: details.conda_environment,
    )
    environment: list[EnvironmentVariable] = batched(studios.details, VARIABLES, of="studio_id", pick=lambda details: details.environment)

    is_type_of = exactly(ConfigurationRow)


@strawberry.type(description="The configuration of one session, as of its start.")
class SessionConfiguration:
    """As of its start."""

    cpu: float = attribute(CPU)
    memory_mib: int = attribute(MEMORY, name="memoryMiB")
    gpu: int = attribute("The number of GPUs; may be 0.")
    lifespan_hours: int = attribute(LIFESPAN)
    environment: list[EnvironmentVariable] = attribute(VARIABLES)

    is_type_of = exactly(SessionConfigurationRow)


@strawberry.type(description="An action on a Studio, and whether the viewer can take it now.")
class AvailableAction:
    """B6."""

    action: Action = attribute("The action of this entry.")
    allowed: bool = attribute("Whether the rights of the viewer and the status of the Studio allow the action.")
    reason: str | None = attribute("Why the action is not allowed, as text for the viewer. Null if it is allowed.")
    until: datetime | None = attribute(
        "The time from which the action will be allowed, if the status stays the same. Null if it is allowed now, or if the time is not "
        "known."
    )

    is_type_of = exactly(AvailableActionRow)


@strawberry.type(description="A user who is connected to the session of a Studio.")
class ConnectedUser:
    """B52."""

    user: Annotated["User", strawberry.lazy("schema.types.people")] = batched(users.by_id, "The user who is connected.", of="user_id")
    connected_at: datetime = attribute("The time at which the user opened the first of the present tabs.")
    last_active_at: datetime = attribute("The time at which the user last used the session, accurate to about 30 seconds.")
    tabs: int = attribute("The number of browser tabs in which the user has the session open.")

    is_type_of = exactly(ConnectedUserRow)
