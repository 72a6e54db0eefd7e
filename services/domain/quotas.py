"""Quotas: limits on what running sessions may hold together, and the rule that finds the limit which a start would exceed (B18)."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from services.domain.errors import QuotaExceeded

DECIMALS = 6
"""Amounts are compared and shown to so many decimals: sums of fractions of cores are not exact."""

MAX_HOLDERS = 20
"""The number of Studios that an error lists as those that use up a quota."""


class QuotaResource(StrEnum):
    """What a quota limits, in the order in which limits are checked and listed."""

    SESSIONS = "SESSIONS"
    CPU = "CPU"
    MEMORY_MIB = "MEMORY_MIB"
    GPU = "GPU"


class QuotaScope(StrEnum):
    """Whose sessions a quota counts, in the order in which limits are checked and listed."""

    WORKSPACE = "WORKSPACE"
    ORGANIZATION = "ORGANIZATION"
    COMPUTE_ENVIRONMENT = "COMPUTE_ENVIRONMENT"


@dataclass(frozen=True, slots=True)
class ResourceAmounts:
    """What sessions hold, or what a session asks for: sessions, cores, MiB, GPUs."""

    sessions: int = 0
    cpu: float = 0.0
    memory_mib: int = 0
    gpu: int = 0

    def __add__(self, other: "ResourceAmounts") -> "ResourceAmounts":
        return ResourceAmounts(
            self.sessions + other.sessions, self.cpu + other.cpu, self.memory_mib + other.memory_mib, self.gpu + other.gpu
        )

    def of(self, resource: QuotaResource) -> float:
        """Returns the amount of one resource."""
        return round(float(getattr(self, resource.value.lower())), DECIMALS)


@dataclass(frozen=True, slots=True)
class QuotaLimits:
    """The limits of one scope. None is no limit."""

    max_sessions: int | None = None
    max_cpu: float | None = None
    max_memory_mib: int | None = None
    max_gpu: int | None = None

    @property
    def any(self) -> bool:
        """Whether there is a limit at all."""
        return self != QuotaLimits()

    def of(self, resource: QuotaResource) -> float | None:
        """Returns the limit of one resource."""
        limit: float | None = getattr(self, f"max_{resource.value.lower()}")
        return limit


@dataclass(frozen=True, slots=True)
class ScopeUse:
    """A scope with its limits, and what its sessions hold now. `name` is for messages, as in "the workspace Lab"."""

    scope: QuotaScope
    scope_id: str
    name: str
    limits: QuotaLimits
    used: ResourceAmounts

    @property
    def compute_environment_id(self) -> str | None:
        return self.scope_id if self.scope is QuotaScope.COMPUTE_ENVIRONMENT else None


@dataclass(frozen=True, slots=True)
class Quota:
    """One limit that is in force, and what is used of it. `compute_environment_id` is None in the other scopes."""

    resource: QuotaResource
    scope: QuotaScope
    compute_environment_id: str | None
    limit: float
    used: float


@dataclass(frozen=True, slots=True)
class ExceededQuota:
    """The limit that a start would exceed: what is used without it, and what it asks for."""

    use: ScopeUse
    resource: QuotaResource
    limit: float
    used: float
    requested: float


class ResourceQuotaExceeded(QuotaExceeded):
    """A start would exceed a limit of running sessions, cores, memory or GPUs (B18).

    `used_by` are the ids of the Studios that hold most of it, among those that the viewer sees.
    """

    def __init__(self, exceeded: ExceededQuota, message: str, used_by: list[str]) -> None:
        super().__init__(message)
        self.exceeded = exceeded
        self.used_by = used_by


def quotas_of(uses: Iterable[ScopeUse]) -> list[Quota]:
    """Returns each limit of the scopes."""
    return [
        Quota(resource, use.scope, use.compute_environment_id, limit, use.used.of(resource))
        for use in uses
        for resource in QuotaResource
        if (limit := use.limits.of(resource)) is not None
    ]


def exceeded_quota(uses: Iterable[ScopeUse], requested: ResourceAmounts) -> ExceededQuota | None:
    """Returns the first limit that what is used and what is requested exceed together; None if all have room.

    A resource of which nothing is requested is never the reason: a lowered limit stops no start that does not need it.
    """
    for use in uses:
        for resource in QuotaResource:
            limit, used, asked = use.limits.of(resource), use.used.of(resource), requested.of(resource)
            if limit is not None and asked and round(used + asked, DECIMALS) > limit:
                return ExceededQuota(use, resource, limit, used, asked)
    return None
