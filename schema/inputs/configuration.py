"""The configuration of sessions, as it is given."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

import strawberry

from services.domain.errors import InvalidInput, Problem
from services.domain.limits import MAX_LIFESPAN_HOURS
from services.studios.requests import UNSET, Configuration, EnvVar, Maybe

T = TypeVar("T")
C = TypeVar("C", covariant=True)


class Some(Protocol[C]):
    """What stands in a field of an input that is not absent: `strawberry.Some`, read only."""

    @property
    def value(self) -> C: ...


CPU = "CPU cores; 0 = the compute environment's default."
MEMORY = "Memory in MiB; 0 = the compute environment's default."
GPU = "GPUs; 0 = none."
LIFESPAN = f"After how many hours a session is stopped: 1 to {MAX_LIFESPAN_HOURS}; 0 = never."
ENVIRONMENT = (
    "Environment variables; they win over those of the compute environment. All of them: the list takes the place of the former one."
)
DEFAULT = " The default if it is absent."
UNCHANGED = " Unchanged if it is absent."


@strawberry.input(description="An environment variable.")
class EnvironmentVariableInput:
    """B16."""

    key: str = strawberry.field(description="Its name: letters, digits and underscores, beginning with no digit.")
    value: str = strawberry.field(description="Its value.")
    secret: bool = strawberry.field(default=False, description="Whether the value is kept encrypted and never shown again.")


def given(value: T | None) -> Maybe[T]:
    """Where null means the same as absent."""
    return UNSET if value is None else value


def variables(environment: list[EnvironmentVariableInput] | None) -> Maybe[tuple[EnvVar, ...]]:
    """The command's form of a list of variables."""
    return UNSET if environment is None else tuple(EnvVar(v.key, v.value, v.secret) for v in environment)


def configuration(source: Any) -> Configuration:
    """From an input that has all fields of a configuration, where null means the same as absent."""
    return Configuration(
        given(source.cpu), given(source.memory_mib), given(source.gpu), given(source.lifespan_hours), variables(source.environment)
    )


def some(maybe: Some[T] | None) -> Maybe[T]:
    """Absent or a value, null among them."""
    return UNSET if maybe is None else maybe.value


def not_null(maybe: Some[T | None] | None) -> Maybe[T]:
    """Absent or a value; `refuse_nulls` comes first."""
    return UNSET if maybe is None or maybe.value is None else maybe.value


def refuse_nulls(fields: Mapping[str, Some[Any] | None]) -> None:
    """Raise InvalidInput for every field, by its name in the API, that was given as null and cannot be."""
    message = "It cannot be null. Leave it out to keep what is there, or give a value."
    problems = [Problem((name,), "NULL", message) for name, maybe in fields.items() if maybe is not None and maybe.value is None]
    if problems:
        raise InvalidInput(problems)
