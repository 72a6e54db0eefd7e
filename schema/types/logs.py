"""What sessions and builds print."""

from typing import Annotated

import strawberry

from resolvers.loads.logs import DEFAULT_BYTES, MOST_BYTES
from resolvers.log_pages import LONGEST_CHARACTER
from schema.enums import LogSource
from schema.fields import attribute, exactly
from schema.scalars import BigInt
from services.rows.logs import LogChunkRow, LogEndedRow, LogPageRow

SOURCE = "What printed it."
SESSION = "The number of the session that printed it; null for a build, and where there was no session yet."

AfterOffset = Annotated[
    BigInt | None,
    strawberry.argument(description="Go on from this byte: the `nextOffset` of a page or chunk. If it is not given: the newest bytes."),
]
FromOffset = Annotated[
    BigInt | None,
    strawberry.argument(description="Go on from this byte: the `nextOffset` of a page or chunk. If it is not given: all that is kept."),
]
Bytes = Annotated[
    int | None,
    strawberry.argument(
        description=f"How many bytes at most: {LONGEST_CHARACTER} to {MOST_BYTES}; {DEFAULT_BYTES} if it is not given. "
        "Fewer where many pages are asked for at once."
    ),
]
SessionNumber = Annotated[
    int | None, strawberry.argument(description="The output of which session, by its number. If it is not given: the current or last one.")
]
Source = Annotated[
    LogSource | None,
    strawberry.argument(
        description="The output of a session or of the build. If it is not given: the build's while the Studio is BUILDING or "
        "BUILD_FAILED and no session is asked for, else the session's."
    ),
]


@strawberry.type(
    description="Some of what a session or a build printed, standard output and errors together, without the values of secret variables. "
    "The newest output is kept, about 1 MiB of each; offsets are in bytes and count what was let go as well."
)
class LogPage:
    """B84."""

    source: LogSource = attribute(SOURCE)
    session: int | None = attribute(SESSION)
    start_offset: BigInt = attribute("Where the text begins; more than was asked for where what was between is not kept.")
    next_offset: BigInt = attribute("Where the text ends: what to give as `afterOffset` to read on.")
    end_offset: BigInt = attribute("How far the output goes at this moment.")
    text: str = attribute("The output; what is not UTF-8 shows as U+FFFD. A character is never cut in two.")
    is_complete: bool = attribute("Whether the output ends with this page, and nothing more will come.")

    is_type_of = exactly(LogPageRow)


@strawberry.type(description="Some more of what a session or a build printed.")
class LogChunk:
    """B84."""

    source: LogSource = attribute(SOURCE)
    session: int | None = attribute(SESSION)
    offset: BigInt = attribute("Where the text begins, in bytes.")
    next_offset: BigInt = attribute("Where the text ends: what to give as `afterOffset` to go on.")
    text: str = attribute("The output; what is not UTF-8 shows as U+FFFD. A character is never cut in two.")
    skipped: BigInt = attribute("How many bytes before it are not kept: too old, or too many at once. 0 = none.")

    is_type_of = exactly(LogChunkRow)


@strawberry.type(description="All was given, and nothing more will come. The last frame.")
class LogEnded:
    """B84."""

    source: LogSource = attribute(SOURCE)
    session: int | None = attribute(SESSION)
    offset: BigInt = attribute("Where the output ends, in bytes.")

    is_type_of = exactly(LogEndedRow)
