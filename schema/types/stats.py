"""What a running session uses."""

from datetime import datetime

import strawberry

from schema.fields import attribute, exactly
from schema.scalars import BigInt
from services.rows.stats import SessionStatsRow

EVERY = "What a running session uses, with all its processes. Measured every 5 seconds; where many hundreds run, more rarely."


@strawberry.type(description=EVERY)
class SessionStats:
    """B85."""

    at: datetime = attribute("When it was measured.")
    cpu: float = attribute("CPU cores in use, on average since the measurement before: 1.5 = one and a half.")
    cpu_limit: float | None = attribute("CPU cores that it may use at most; null if nothing limits it.")
    memory_bytes: BigInt = attribute("Memory in use, in bytes, without file cache that is free to go.")
    memory_limit_bytes: BigInt | None = attribute("Memory that it may use at most, in bytes; null if nothing limits it.")
    network_received_bytes: BigInt | None = attribute("Bytes received since it started; null where that is not counted (`process`).")
    network_sent_bytes: BigInt | None = attribute("Bytes sent since it started; null where that is not counted (`process`).")
    processes: int | None = attribute("Processes and their threads; null where they are not counted.")

    is_type_of = exactly(SessionStatsRow)
