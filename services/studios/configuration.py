"""What a session runs with: defaults, clamped to what the compute environment has, then what was asked for (B1, B16, B17)."""

from collections.abc import Mapping
from typing import Any, Protocol

from services.store.compute_environments import EnvironmentState, WorkspaceSettings
from services.studios.inputs import UNSET, Configuration, Variable

DEFAULT_CPU = 2.0
DEFAULT_MEMORY_MIB = 8192


class Seal(Protocol):
    """Encrypts what is secret at rest, and opens it for a session."""

    def seal(self, text: str) -> str: ...

    def open(self, sealed: str) -> str: ...


def defaults(environment: EnvironmentState, settings: WorkspaceSettings, lifespan_hours: int) -> dict[str, Any]:
    """The configuration of a Studio for which nothing was asked. A capacity of 0 means that it is not known yet."""
    return {
        "cpu": min(DEFAULT_CPU, environment.cpu or DEFAULT_CPU),
        "memory_mib": min(DEFAULT_MEMORY_MIB, environment.memory_mib or DEFAULT_MEMORY_MIB),
        "gpu": 0,
        "lifespan_hours": lifespan_hours if settings.lifespan_hours is None else settings.lifespan_hours,
        "environment": [],
    }


def merged(base: Mapping[str, Any], given: Configuration, seal: Seal) -> dict[str, Any]:
    """`base` with what was given in its place; secret values sealed."""
    asked = {name: getattr(given, name) for name in ("cpu", "memory_mib", "gpu", "lifespan_hours") if getattr(given, name) is not UNSET}
    if given.environment is not UNSET:
        asked["environment"] = [stored(variable, seal) for variable in given.environment]
    return {**base, **asked}


def stored(variable: Variable, seal: Seal) -> dict[str, Any]:
    """A variable as it stands in the database."""
    value = seal.seal(variable.value) if variable.secret else variable.value
    return {"key": variable.key, "value": value, "secret": variable.secret}


def opened(*lists: list[dict[str, Any]], seal: Seal) -> dict[str, str]:
    """The variables of a session, in the clear; later lists win: the Studio's over the compute environment's (B16)."""
    return {v["key"]: seal.open(v["value"]) if v["secret"] else v["value"] for variables in lists for v in variables}


def secrets(*lists: list[dict[str, Any]], seal: Seal) -> tuple[str, ...]:
    """The values that must be found nowhere (B16)."""
    return tuple(seal.open(v["value"]) for variables in lists for v in variables if v["secret"])
