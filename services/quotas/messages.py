"""The message of a start that a quota refuses: the limit, what is asked for, what uses it, and what to do."""

from collections.abc import Sequence

from services.domain.quotas import DECIMALS, MAX_HOLDERS, ExceededQuota, QuotaResource, QuotaScope
from services.store.quotas import QuotaHolder

MAX_NAMED = 5
"""The number of Studios that the message names; the error lists more."""
SCOPES = {
    QuotaScope.WORKSPACE: "workspace",
    QuotaScope.ORGANIZATION: "organization",
    QuotaScope.COMPUTE_ENVIRONMENT: "compute environment",
}
UNITS = {
    QuotaResource.SESSIONS: ("running session", "running sessions"),
    QuotaResource.CPU: ("core", "cores"),
    QuotaResource.MEMORY_MIB: ("MiB of memory", "MiB of memory"),
    QuotaResource.GPU: ("GPU", "GPUs"),
}


def refusal(exceeded: ExceededQuota, holders: Sequence[QuotaHolder]) -> str:
    """Returns the message about the first limit that has no room."""
    use, resource = exceeded.use, exceeded.resource
    limit = f"The {SCOPES[use.scope]} {use.name} may have {_amount(exceeded.limit, resource)} at a time"
    who = "an administrator of the workspace" if use.scope is QuotaScope.WORKSPACE else "the operator of this server"
    if exceeded.requested > exceeded.limit:
        advice = "Ask for less, or ask" if resource is not QuotaResource.SESSIONS and exceeded.limit else "Ask"
        return f"{limit}, and this start asks for {_amount(exceeded.requested, resource)}. {advice} {who} for a higher limit."
    return (
        f"{limit}: {_number(exceeded.used)} in use by {_users(exceeded, holders)}, and this start asks for {_number(exceeded.requested)}. "
        f"Stop another Studio first, or ask {who} for a higher limit."
    )


def _users(exceeded: ExceededQuota, holders: Sequence[QuotaHolder]) -> str:
    """Names the largest of the Studios that the viewer sees, and says that there are others."""
    named = [
        holder.name if exceeded.resource is QuotaResource.SESSIONS else f"{holder.name} ({_number(holder.amount)})"
        for holder in holders[:MAX_NAMED]
    ]
    hidden = len(holders) < MAX_HOLDERS and round(sum(holder.amount for holder in holders), DECIMALS) < exceeded.used
    others = ["others"] if len(holders) > MAX_NAMED else []
    elsewhere = ["Studios that you do not see"] if hidden else []
    *first, last = [*named, *others, *elsewhere]
    return f"{', '.join(first)} and {last}" if first else last


def _amount(amount: float, resource: QuotaResource) -> str:
    one, several = UNITS[resource]
    return f"{_number(amount)} {one if amount == 1 else several}"


def _number(amount: float) -> str:
    return f"{round(amount, DECIMALS):,.{DECIMALS}f}".rstrip("0").rstrip(".")
