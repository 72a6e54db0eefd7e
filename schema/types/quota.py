"""The GraphQL types of quotas: limits on what running sessions hold together."""

import strawberry

from resolvers.loaders import compute_environments
from schema.enums import describe
from schema.fields import attribute, batched, exactly
from schema.types.compute import ComputeEnvironment
from services.domain.quotas import Quota as QuotaRow
from services.domain.quotas import QuotaResource, QuotaScope

describe(
    QuotaResource,
    "A resource that a quota limits.",
    {
        "SESSIONS": "The number of sessions, in every status of their Studio but STOPPED, ERRORED and BUILD_FAILED.",
        "CPU": "The CPU cores of these sessions, as configured.",
        "MEMORY_MIB": "The memory of these sessions in MiB, as configured.",
        "GPU": "The GPUs of these sessions, as configured.",
    },
)
describe(
    QuotaScope,
    "The sessions that a quota counts.",
    {
        "WORKSPACE": "The sessions of the workspace.",
        "ORGANIZATION": "The sessions of all workspaces of the organization.",
        "COMPUTE_ENVIRONMENT": "The sessions in one compute environment.",
    },
)
SCOPE_ENVIRONMENT = "The compute environment whose sessions the limit counts. Null unless the scope is COMPUTE_ENVIRONMENT."


@strawberry.type(description="A limit on what the sessions of a scope hold at a time, and what they hold now.")
class Quota:
    """B18."""

    resource: QuotaResource = attribute("The resource that is limited.")
    limit: float = attribute("The limit. 0 means that nothing can be started that needs the resource.")
    used: float = attribute(
        "The amount that sessions hold now. It is more than the limit after the limit was lowered, which ends no session."
    )
    scope: QuotaScope = attribute("The sessions that the limit counts.")
    compute_environment: ComputeEnvironment | None = batched(compute_environments.by_id, SCOPE_ENVIRONMENT, of="compute_environment_id")

    is_type_of = exactly(QuotaRow)
