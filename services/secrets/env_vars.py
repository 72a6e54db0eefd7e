"""Opens stored environment variables, whose secret values are sealed: lists of {key, value, secret} (B16)."""

from typing import Any, Protocol

StoredEnvVars = list[dict[str, Any]]


class Seal(Protocol):
    """Encrypts what is secret at rest, and opens it for a session."""

    def seal(self, text: str) -> str: ...

    def open(self, sealed: str) -> str: ...


def open_env_vars(*lists: StoredEnvVars, seal: Seal) -> dict[str, str]:
    """The variables by key, in the clear; later lists win: the Studio's over the compute environment's. Raises CannotOpen."""
    return {v["key"]: seal.open(v["value"]) if v["secret"] else v["value"] for env_vars in lists for v in env_vars}


def secret_values(*lists: StoredEnvVars, seal: Seal) -> tuple[str, ...]:
    """The values that nobody may find in logs or checkpoints. Raises CannotOpen."""
    return tuple(seal.open(v["value"]) for env_vars in lists for v in env_vars if v["secret"])
