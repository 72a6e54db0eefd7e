"""Determines a Studio's configuration: defaults within the compute environment's capacity, then what was requested (B1, B16, B17)."""

from collections.abc import Mapping
from typing import Any

from services.domain.unset import UNSET
from services.secrets.env_vars import Seal, StoredEnvVars, secrets_by_key
from services.store.compute_environments import EnvironmentState, WorkspaceSettings
from services.store.studios import StudioState
from services.studios.requests import Configuration

FIELDS = ("cpu", "memory_mib", "gpu", "lifespan_hours", "environment")
"""The columns of a Studio that make its configuration."""

DEFAULT_CPU = 2.0
DEFAULT_MEMORY_MIB = 8192


def defaults(environment: EnvironmentState, settings: WorkspaceSettings, lifespan_hours: int) -> dict[str, Any]:
    """Returns the configuration of a Studio for which nothing was requested. A capacity of 0 means that it is not known yet."""
    return {
        **default_resources(environment),
        "gpu": 0,
        "lifespan_hours": lifespan_hours if settings.lifespan_hours is None else settings.lifespan_hours,
        "environment": [],
    }


def default_resources(environment: EnvironmentState) -> dict[str, Any]:
    """Returns the cores and the memory of a Studio for which none were requested."""
    return {
        "cpu": min(DEFAULT_CPU, environment.cpu or DEFAULT_CPU),
        "memory_mib": min(DEFAULT_MEMORY_MIB, environment.memory_mib or DEFAULT_MEMORY_MIB),
    }


def of_session(studio: StudioState, overrides: Mapping[str, Any], settings: WorkspaceSettings) -> dict[str, Any]:
    """Returns the configuration that a session starts with. The workspace's lifespan takes the place of every other (B13)."""
    values = {name: getattr(studio, name) for name in FIELDS} | dict(overrides)
    return values if settings.lifespan_hours is None else values | {"lifespan_hours": settings.lifespan_hours}


def merged(base: Mapping[str, Any], requested: Configuration, seal: Seal, stored: StoredEnvVars) -> dict[str, Any]:
    """Returns `base` with the requested values replaced; the values of secret variables are sealed, or those that `stored` has (B14)."""
    values = {
        name: getattr(requested, name) for name in ("cpu", "memory_mib", "gpu", "lifespan_hours") if getattr(requested, name) is not UNSET
    }
    if requested.env_vars is not UNSET:
        kept = secrets_by_key(stored)
        values["environment"] = [
            kept[env_var.key] if env_var.value is None else _stored(env_var.key, env_var.value, env_var.secret, seal)
            for env_var in requested.env_vars
        ]
    return {**base, **values}


def _stored(key: str, value: str, secret: bool, seal: Seal) -> dict[str, Any]:
    """Returns a variable in the form in which it is stored; the value of a secret one is sealed."""
    return {"key": key, "value": seal.seal(value) if secret else value, "secret": secret}
