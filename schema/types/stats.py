"""The GraphQL type of a running session's resource use."""

from datetime import datetime

import strawberry

from schema.fields import attribute, exactly
from schema.scalars import BigInt
from services.rows.stats import SessionStatsRow


@strawberry.type(
    description="The resources that a running session uses, over all its processes. They are measured every 5 seconds, and less often if "
    "several hundred sessions are running."
)
class SessionStats:
    """B85."""

    at: datetime = attribute("The time of the measurement.")
    cpu: float = attribute("The CPU cores in use, on average since the measurement before; 1.5 means one and a half cores.")
    cpu_limit: float | None = attribute("The maximum of CPU cores. Null if there is no limit.")
    memory_bytes: BigInt = attribute("The memory in use in bytes, without file cache that can be freed.")
    memory_limit_bytes: BigInt | None = attribute("The maximum of memory in bytes. Null if there is no limit.")
    network_received_bytes: BigInt | None = attribute(
        "The bytes received since the start of the session. Null if they are not counted, as in compute environments of the kind PROCESS."
    )
    network_sent_bytes: BigInt | None = attribute(
        "The bytes sent since the start of the session. Null if they are not counted, as in compute environments of the kind PROCESS."
    )
    processes: int | None = attribute("The number of threads of all processes. Null if they are not counted.")

    is_type_of = exactly(SessionStatsRow)
