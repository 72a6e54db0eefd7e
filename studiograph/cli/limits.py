"""The options that set limits on what sessions hold at a time, for workspaces, organizations and compute environments."""

from collections.abc import Callable
from typing import Annotated, Any, Protocol, TypeVar

import typer

from services.domain.unset import UNSET, Maybe
from services.workspaces.requests import LimitChanges
from services.workspaces.rules import check_changes

NONE = "none"
N = TypeVar("N", int, float)

MaxSessions = Annotated[str | None, typer.Option(help='The maximum number of sessions at a time; "none" = no limit.')]
MaxCpu = Annotated[str | None, typer.Option(help='The maximum of cores that sessions hold; "none" = no limit.')]
MaxMemoryMib = Annotated[str | None, typer.Option(help='The maximum of memory that sessions hold, in MiB; "none" = no limit.')]
MaxGpu = Annotated[str | None, typer.Option(help='The maximum of GPUs that sessions hold; "none" = no limit.')]


class LimitedRow(Protocol):
    """A row with limits. None is no limit."""

    @property
    def max_sessions(self) -> int | None: ...

    @property
    def max_cpu(self) -> float | None: ...

    @property
    def max_memory_mib(self) -> int | None: ...

    @property
    def max_gpu(self) -> int | None: ...


def limit_changes(max_sessions: str | None, max_cpu: str | None, max_memory_mib: str | None, max_gpu: str | None) -> LimitChanges:
    """Returns the changes that options ask for; an option of None was not given. Raises BadParameter and InvalidInput.

    Limits are checked before a command changes anything else.
    """
    changes = LimitChanges(
        _limit("--max-sessions", max_sessions, int),
        _limit("--max-cpu", max_cpu, float),
        _limit("--max-memory-mib", max_memory_mib, int),
        _limit("--max-gpu", max_gpu, int),
    )
    check_changes(changes)
    return changes


def limits_of(row: LimitedRow) -> dict[str, Any]:
    """Returns the limits of a row, as `show` prints them."""
    return {
        "maxSessions": row.max_sessions,
        "maxCpu": row.max_cpu,
        "maxMemoryMib": row.max_memory_mib,
        "maxGpu": row.max_gpu,
    }


def _limit(option: str, text: str | None, number: Callable[[str], N]) -> Maybe[N | None]:
    if text is None:
        return UNSET
    if text.lower() == NONE:
        return None
    try:
        return number(text)
    except ValueError:
        raise typer.BadParameter(f'{option} is {text!r}. Give a number, or "{NONE}" for no limit.') from None
