"""Decrypts stored environment variables: lists of {key, value, secret}, whose secret values are encrypted (B16)."""

from typing import Any, Protocol

StoredEnvVars = list[dict[str, Any]]


class Seal(Protocol):
    """Encrypts and decrypts secret values."""

    def seal(self, text: str) -> str: ...

    def open(self, sealed: str) -> str: ...


def open_env_vars(*lists: StoredEnvVars, seal: Seal) -> dict[str, str]:
    """Returns the decrypted variables by key. Later lists take precedence: the Studio's over the environment's. Raises CannotOpen."""
    return {v["key"]: seal.open(v["value"]) if v["secret"] else v["value"] for env_vars in lists for v in env_vars}


def secrets_by_key(stored: StoredEnvVars) -> dict[str, dict[str, Any]]:
    """Returns the stored secret variables by key, with their encrypted values."""
    return {v["key"]: v for v in stored if v["secret"]}


def secret_values(*lists: StoredEnvVars, seal: Seal) -> tuple[str, ...]:
    """Returns the decrypted secret values, which must not appear in logs or checkpoints. Raises CannotOpen."""
    return tuple(seal.open(v["value"]) for env_vars in lists for v in env_vars if v["secret"])
