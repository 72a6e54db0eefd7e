"""Determines a Studio's configuration: defaults within the compute environment's capacity, then what was requested (B1, B16, B17)."""

from collections.abc import Mapping
from typing import Any

from services.secrets.env_vars import Seal
from services.store.compute_environments import EnvironmentState, WorkspaceSettings
from services.studios.requests import UNSET, Configuration, EnvVar

DEFAULT_CPU = 2.0
DEFAULT_MEMORY_MIB = 8192


def defaults(environment: EnvironmentState, settings: WorkspaceSettings, lifespan_hours: int) -> dict[str, Any]:
    """Returns the configuration of a Studio for which nothing was requested. A capacity of 0 means that it is not known yet."""
    return {
        "cpu": min(DEFAULT_CPU, environment.cpu or DEFAULT_CPU),
        "memory_mib": min(DEFAULT_MEMORY_MIB, environment.memory_mib or DEFAULT_MEMORY_MIB),
        "gpu": 0,
        "lifespan_hours": lifespan_hours if settings.lifespan_hours is None else settings.lifespan_hours,
        "environment": [],
    }


def merged(base: Mapping[str, Any], requested: Configuration, seal: Seal) -> dict[str, Any]:
    """Returns `base` with the requested values replaced; the values of secret variables are sealed."""
    values = {
        name: getattr(requested, name) for name in ("cpu", "memory_mib", "gpu", "lifespan_hours") if getattr(requested, name) is not UNSET
    }
    if requested.env_vars is not UNSET:
        values["environment"] = [stored_env_var(env_var, seal) for env_var in requested.env_vars]
    return {**base, **values}


def stored_env_var(env_var: EnvVar, seal: Seal) -> dict[str, Any]:
    """Returns a variable in the form in which it is stored; the value of a secret one is sealed."""
    value = seal.seal(env_var.value) if env_var.secret else env_var.value
    return {"key": env_var.key, "value": value, "secret": env_var.secret}
