"""Validates names, descriptions and configurations of Studios; each check adds what is wrong to one list of problems (B15 to B17)."""

import re
from collections.abc import Collection, Sequence

from services.domain.limits import (
    MAX_CPU,
    MAX_DESCRIPTION_LENGTH,
    MAX_ENV_VAR_BYTES,
    MAX_ENV_VAR_KEY_LENGTH,
    MAX_ENV_VARS,
    MAX_GPU,
    MAX_GRACE_SECONDS,
    MAX_LIFESPAN_HOURS,
    MAX_MEMORY_MIB,
    MIN_CPU,
    MIN_MEMORY_MIB,
)
from services.domain.problems import Problems
from services.domain.unset import UNSET, Maybe
from services.secrets.env_vars import StoredEnvVars, secrets_by_key
from services.store.compute_environments import EnvironmentState, WorkspaceSettings
from services.studios.requests import Configuration, EnvVar

ENV_VAR_KEY = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
RESERVED_KEYS = frozenset({"CONNECT_TOOL_PORT", "CONNECT_TOOL_SOCKET", "CONNECT_TOOL_PATH_PREFIX"})
"""The variables that the server itself sets for the tool."""


def check_description(problems: Problems, text: str | None) -> None:
    """Checks that a description has at most 2048 characters, none of them NUL (B15)."""
    if text is not None and (len(text) > MAX_DESCRIPTION_LENGTH or not _can_be_stored(text)):
        problems.add(
            "description",
            "LENGTH",
            f"A description has at most {MAX_DESCRIPTION_LENGTH} characters, and no NUL character.",
        )


def _can_be_stored(text: str) -> bool:
    """Returns whether the text has no NUL, which PostgreSQL refuses, and no half of a surrogate pair, which UTF-8 cannot encode."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def check_configuration(
    problems: Problems,
    configuration: Configuration,
    environment: EnvironmentState | None,
    settings: WorkspaceSettings,
    stored: StoredEnvVars,
) -> None:
    """Checks a configuration against the capacity of its compute environment (B17), which is None if that was deleted.

    A lifespan in the workspace's settings locks the field (B13); `stored` are the variables whose secret values can be kept (B14).
    """
    _check_amount(problems, "cpu", configuration.cpu, environment, "cores")
    _check_amount(problems, "memory_mib", configuration.memory_mib, environment, "MiB")
    _check_amount(problems, "gpu", configuration.gpu, environment, "GPUs")
    _check_least(problems, "cpu", configuration.cpu, MIN_CPU, "The number of cores", "")
    _check_least(problems, "memory_mib", configuration.memory_mib, MIN_MEMORY_MIB, "The memory", " MiB")
    _check_lifespan(problems, configuration.lifespan_hours, settings.lifespan_hours)
    _check_env_vars(problems, configuration.env_vars, secrets_by_key(stored))


ANY_MACHINE = {"cpu": MAX_CPU, "memory_mib": MAX_MEMORY_MIB, "gpu": MAX_GPU}
"""The limits of a configuration if the compute environment was deleted."""
UNKNOWN_CAPACITY = ANY_MACHINE | {"gpu": 0}
"""The limits of a configuration while the compute environment's capacity is not known yet, which is stored as 0."""


def _check_amount(
    problems: Problems, field: str, value: Maybe[float] | Maybe[int], environment: EnvironmentState | None, unit: str
) -> None:
    if value is UNSET or value == 0:
        return
    if not 0 < value < float("inf"):
        problems.add(field, "RANGE", f"The number of {unit} must be 0, for the default of the compute environment, or more.")
        return
    capacity = (getattr(environment, field) or UNKNOWN_CAPACITY[field]) if environment else ANY_MACHINE[field]
    if value > capacity:
        has = f"{environment.name} has" if environment else "No compute environment has more than"
        message = f"{has} {capacity:g} {unit}, and {value:g} were requested. Request {capacity:g} or less."
        problems.add(field, "CAPACITY", message)


def _check_least(problems: Problems, field: str, value: Maybe[float] | Maybe[int], least: float, noun: str, unit: str) -> None:
    if value is not UNSET and 0 < value < least:
        problems.add(field, "RANGE", f"{noun} must be at least {least}{unit}, or 0 for the default of the compute environment.")


def _check_lifespan(problems: Problems, hours: Maybe[int], locked_hours: int | None) -> None:
    """Checks that a lifespan is 0 (no limit) or 1 to 120 hours, and is the workspace's if that sets one (B13)."""
    if hours is UNSET:
        return
    if locked_hours is not None and hours != locked_hours:
        message = f"The workspace sets the lifespan of all its sessions: {_lifespan_text(locked_hours)}. Leave this field out."
        problems.add("lifespan_hours", "LOCKED", message)
    elif not 0 <= hours <= MAX_LIFESPAN_HOURS:
        problems.add("lifespan_hours", "RANGE", f"A lifespan must be 1 to {MAX_LIFESPAN_HOURS} hours, or 0 for no limit.")


def _lifespan_text(hours: int) -> str:
    return f"{hours} hours" if hours else "no limit"


def _check_env_vars(problems: Problems, env_vars: Maybe[tuple[EnvVar, ...]], kept: Collection[str]) -> None:
    """Checks that keys are valid in shells and unique (B16), and that there is a secret for each value that is to be kept (B14)."""
    if env_vars is UNSET:
        return
    if len(env_vars) > MAX_ENV_VARS:  # the others are not looked at: comparing all of them, and all that is wrong, would grow with them
        problems.add("env_vars", "LENGTH", f"A Studio can have at most {MAX_ENV_VARS} environment variables. Remove some.")
        return
    for index, variable in enumerate(env_vars):
        _check_env_var(problems, f"env_vars.{index}", variable, kept)
    for key in _duplicates([variable.key for variable in env_vars]):
        problems.add("env_vars", "DUPLICATE", f"The variable {key} is given more than once. Give it once.")


def _duplicates(keys: Sequence[str]) -> list[str]:
    return sorted({key for key in keys if keys.count(key) > 1})


def _check_env_var(problems: Problems, path: str, variable: EnvVar, kept: Collection[str]) -> None:
    if not ENV_VAR_KEY.fullmatch(variable.key) or len(variable.key) > MAX_ENV_VAR_KEY_LENGTH:
        message = (
            "A key begins with a letter or underscore and has only letters, digits and underscores, "
            f"at most {MAX_ENV_VAR_KEY_LENGTH} characters."
        )
        problems.add(f"{path}.key", "CHARACTERS", message)
    elif variable.key in RESERVED_KEYS:
        problems.add(f"{path}.key", "RESERVED", f"Studiograph sets {variable.key} itself. Choose another key.")
    elif variable.value is None:
        if variable.key not in kept:
            problems.add(f"{path}.value", "REQUIRED", f"The Studio has no secret value of {variable.key} that could be kept. Give a value.")
    elif not _can_be_stored(variable.value) or len(variable.value.encode()) > MAX_ENV_VAR_BYTES:
        problems.add(f"{path}.value", "LENGTH", f"A value has at most {MAX_ENV_VAR_BYTES // 1024} KiB in UTF-8, and no NUL character.")


def check_grace(problems: Problems, seconds: int) -> None:
    """Checks that a grace is at most an hour (B57)."""
    if not 0 <= seconds <= MAX_GRACE_SECONDS:
        problems.add("grace_seconds", "RANGE", f"The grace period must be 0 to {MAX_GRACE_SECONDS} seconds.")
