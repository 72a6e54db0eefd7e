"""The configuration of sessions in inputs."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

import strawberry

from services.domain.errors import InvalidInput, Problem
from services.domain.limits import MAX_ENV_VAR_BYTES, MAX_ENV_VAR_KEY_LENGTH, MAX_ENV_VARS, MAX_LIFESPAN_HOURS, MIN_CPU, MIN_MEMORY_MIB
from services.domain.unset import UNSET, Maybe
from services.studios.requests import Configuration, EnvVar

T = TypeVar("T")
C = TypeVar("C", covariant=True)


class PresentValue(Protocol[C]):
    """The value of an input field that is not absent: `strawberry.Some`, read only."""

    @property
    def value(self) -> C: ...


NO_LIMIT = "0 means its default, which is no limit; where a quota limits the resource, a session gets that of a new Studio instead."
CPU = f"CPU cores of a session, for example 1.5. At least {MIN_CPU}, and at most the capacity of the compute environment; {NO_LIMIT}"
MEMORY = (
    f"Memory of a session in MiB, for example 4096. At least {MIN_MEMORY_MIB}, and at most the capacity of the compute environment; "
    f"{NO_LIMIT}"
)
GPU = "The number of GPUs of a session. At most those of the compute environment; 0 means none."
LIFESPAN = (
    f"Hours after which a session is stopped, counted from the time at which it is running: 1 to {MAX_LIFESPAN_HOURS}. 0 means no limit. "
    "If the workspace sets a lifespan, any other is an error."
)
ENVIRONMENT = (
    f"The environment variables of a session, at most {MAX_ENV_VARS}. They replace variables of the same name in the compute environment."
)


@strawberry.input(description="An environment variable of a session.")
class EnvironmentVariableInput:
    """B16."""

    key: str = strawberry.field(
        description="The name of the variable: letters, digits and underscores, not beginning with a digit. "
        f"At most {MAX_ENV_VAR_KEY_LENGTH} characters, and not a name that Studiograph sets itself, such as CONNECT_TOOL_PORT."
    )
    value: str | None = strawberry.field(
        default=None,
        description=f"The value of the variable: at most {MAX_ENV_VAR_BYTES // 1024} KiB of text in UTF-8. If omitted or null, the secret "
        "value that the Studio has under this key is kept, and stays secret; an error if there is none.",
    )
    secret: bool = strawberry.field(
        default=False, description="Whether the value is stored encrypted, hidden in output and never returned. The default is false."
    )


def present(value: T | None) -> Maybe[T]:
    """Returns the value of a field for which null means the same as absent."""
    return UNSET if value is None else value


def variables(environment: list[EnvironmentVariableInput] | None) -> Maybe[tuple[EnvVar, ...]]:
    """Returns the variables as requests take them."""
    return UNSET if environment is None else tuple(EnvVar(variable.key, variable.value, variable.secret) for variable in environment)


def configuration(source: Any) -> Configuration:
    """Returns the configuration in an input that has all its fields, where null means the same as absent."""
    return Configuration(
        present(source.cpu), present(source.memory_mib), present(source.gpu), present(source.lifespan_hours), variables(source.environment)
    )


def nullable(maybe: PresentValue[T] | None) -> Maybe[T]:
    """Returns the value of a field that can be null or absent."""
    return UNSET if maybe is None else maybe.value


def not_null(maybe: PresentValue[T | None] | None) -> Maybe[T]:
    """Returns the value of a field that can be absent but not null. `refuse_nulls` comes first."""
    return UNSET if maybe is None or maybe.value is None else maybe.value


def refuse_nulls(fields: Mapping[str, PresentValue[Any] | None]) -> None:
    """Raises InvalidInput for every field, by its name in the request, that is null and cannot be."""
    message = "This field cannot be null. Omit it to keep the present value, or give a new value."
    problems = [Problem((name,), "NULL", message) for name, maybe in fields.items() if maybe is not None and maybe.value is None]
    if problems:
        raise InvalidInput(problems)
