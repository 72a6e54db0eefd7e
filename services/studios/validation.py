"""What a Studio may be called and given; every problem of an input is found at once (B15 to B17)."""

import re
from collections.abc import Sequence

from services.domain.errors import InvalidInput, Problem
from services.domain.names import name_key
from services.store.compute_environments import EnvironmentState
from services.studios.inputs import UNSET, Configuration, Maybe, Variable

MAX_NAME = 80
MAX_DESCRIPTION = 2048
MAX_LIFESPAN_HOURS = 120
MAX_VARIABLES = 100
MAX_VARIABLE_BYTES = 32 * 1024
MIN_MEMORY_MIB = 64
MAX_CPU, MAX_MEMORY_MIB, MAX_GPU = 4096, 2**26, 64
"""Of any machine there is: what may be asked for where the capacity is not known."""
MAX_GRACE_SECONDS = 3600
VARIABLE_KEY = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
RESERVED_KEYS = frozenset({"CONNECT_TOOL_PORT", "CONNECT_TOOL_SOCKET", "CONNECT_TOOL_PATH_PREFIX"})


def raise_all(problems: Sequence[Problem]) -> None:
    """Raise InvalidInput if there are any."""
    if problems:
        raise InvalidInput(list(problems))


def name(text: str, *, field: str = "name", noun: str = "A name") -> list[Problem]:
    """1 to 80 characters that can be seen; no control characters (B15)."""
    if not len(name_key(text)) >= 1 or len(text.strip()) > MAX_NAME:
        return [Problem((field,), "LENGTH", f"{noun} has 1 to {MAX_NAME} characters.")]
    if not text.strip().isprintable():
        return [Problem((field,), "CHARACTERS", f"{noun} has no control characters.")]
    return []


def description(text: str | None) -> list[Problem]:
    """At most 2048 characters (B15)."""
    if text is None or (len(text) <= MAX_DESCRIPTION and _can_be_stored(text)):
        return []
    return [Problem(("description",), "LENGTH", f"A description has at most {MAX_DESCRIPTION} characters, none of them NUL.")]


def _can_be_stored(text: str) -> bool:
    """No NUL, which PostgreSQL refuses, and no half of a surrogate pair, which is no text."""
    return "\0" not in text and not any("\ud800" <= c <= "\udfff" for c in text)


def configuration(given: Configuration, environment: EnvironmentState | None) -> list[Problem]:
    """Explicit values beyond what the compute environment has are refused, never cut (B17). None: it was deleted."""
    cpu, memory, gpu = (environment.cpu, environment.memory_mib, environment.gpu) if environment else (0, 0, MAX_GPU)
    where = environment.name if environment else "No compute environment"
    return [
        *_amount("cpu", given.cpu, cpu, "cores", where, MAX_CPU),
        *_amount("memoryMiB", given.memory_mib, memory, "MiB", where, MAX_MEMORY_MIB),
        *_amount("gpu", given.gpu, gpu, "GPUs", where, 0),
        *_least_memory(given.memory_mib),
        *lifespan(given.lifespan_hours),
        *variables(given.environment),
    ]


def _amount(field: str, value: Maybe[float] | Maybe[int], has: float, unit: str, where: str, anywhere: float) -> list[Problem]:
    """`has` 0 = not known yet: then what may be asked for `anywhere`."""
    if value is UNSET or value == 0:
        return []
    if not 0 < value < float("inf"):
        return [Problem((field,), "RANGE", f"{field} is 0 (the default of the compute environment) or more.")]
    most = has or anywhere
    if value > most:
        return [Problem((field,), "CAPACITY", f"{where} has {most:g} {unit}; {value:g} cannot be given. Ask for {most:g} or less.")]
    return []


def _least_memory(value: Maybe[int]) -> list[Problem]:
    if value is UNSET or value <= 0 or value >= MIN_MEMORY_MIB:
        return []
    return [Problem(("memoryMiB",), "RANGE", f"No tool starts in less than {MIN_MEMORY_MIB} MiB; 0 means the default.")]


def lifespan(hours: Maybe[int]) -> list[Problem]:
    """0 = unlimited, else 1 to 120 h (B13)."""
    if hours is UNSET or 0 <= hours <= MAX_LIFESPAN_HOURS:
        return []
    return [Problem(("lifespanHours",), "RANGE", f"A lifespan is 0 (unlimited) or 1 to {MAX_LIFESPAN_HOURS} hours.")]


def variables(given: Maybe[tuple[Variable, ...]]) -> list[Problem]:
    """Keys as shells take them, once each (B16)."""
    if given is UNSET:
        return []
    problems = [problem for index, variable in enumerate(given) for problem in _variable(index, variable)]
    keys = [variable.key for variable in given]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    problems += [Problem(("environment",), "DUPLICATE", f"{key} is given twice.") for key in twice]
    if len(given) > MAX_VARIABLES:
        problems.append(Problem(("environment",), "LENGTH", f"At most {MAX_VARIABLES} variables can be given."))
    return problems


def _variable(index: int, variable: Variable) -> list[Problem]:
    at = ("environment", str(index))
    if not VARIABLE_KEY.fullmatch(variable.key) or len(variable.key) > 255:
        return [Problem((*at, "key"), "CHARACTERS", "A key begins with a letter or underscore, then has letters, digits and underscores.")]
    if variable.key in RESERVED_KEYS:
        return [Problem((*at, "key"), "RESERVED", f"{variable.key} is set by Studiograph for the tool.")]
    if not _can_be_stored(variable.value) or len(variable.value.encode()) > MAX_VARIABLE_BYTES:
        return [Problem((*at, "value"), "LENGTH", f"A value has at most {MAX_VARIABLE_BYTES // 1024} KiB, and no NUL.")]
    return []


def grace(seconds: int) -> list[Problem]:
    """At most an hour: a longer plan is a lifespan."""
    if 0 <= seconds <= MAX_GRACE_SECONDS:
        return []
    return [Problem(("graceSeconds",), "RANGE", f"A grace is 0 to {MAX_GRACE_SECONDS} seconds.")]
