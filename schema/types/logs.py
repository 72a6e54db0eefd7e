"""The GraphQL types of the output of sessions and builds."""

from typing import Annotated

import strawberry

from resolvers.loaders.logs import DEFAULT_BYTES, MAX_BYTES, LogArguments, log_arguments
from resolvers.log_pages import MAX_CHARACTER_BYTES
from schema.enums import LogSource
from schema.fields import attribute, exactly
from schema.scalars import BigInt
from services.rows.logs import LogChunkRow, LogEndedRow, LogPageRow

SOURCE = "The program that wrote the output."
SESSION = "The number of the session that wrote the output. Null for the output of a build, and before the first session."

AfterOffset = Annotated[
    BigInt | None,
    strawberry.argument(
        description="The offset in bytes from which output is returned, usually the `nextOffset` of another page. If omitted or null, the "
        "newest output is returned."
    ),
]
FromOffset = Annotated[
    BigInt | None,
    strawberry.argument(
        description="The offset in bytes from which output is sent, usually the `nextOffset` of the last chunk. If omitted or null, all "
        "stored output is sent."
    ),
]
Bytes = Annotated[
    int | None,
    strawberry.argument(
        description=f"The maximum number of bytes: {MAX_CHARACTER_BYTES} to {MAX_BYTES}. Less, if many pages are requested together. "
        f"If omitted or null: {DEFAULT_BYTES}."
    ),
]
SessionNumber = Annotated[
    int | None,
    strawberry.argument(
        description="The number of the session whose output is returned. If omitted or null, the current or the last session."
    ),
]
Source = Annotated[
    LogSource | None,
    strawberry.argument(
        description="Whether the output of a session or of the build is wanted. If omitted or null: the build, if the Studio is BUILDING "
        "or BUILD_FAILED and no session is requested; else the session."
    ),
]


def studio_log_arguments(
    session: SessionNumber = None, source: Source = None, after_offset: AfterOffset = None, first: Bytes = DEFAULT_BYTES
) -> LogArguments:
    """Returns the arguments of `Studio.logs`. Raises BadArgument."""
    return log_arguments(first, after_offset, session, source)


def session_log_arguments(after_offset: AfterOffset = None, first: Bytes = DEFAULT_BYTES) -> LogArguments:
    """Returns the arguments of `Session.logs`. Raises BadArgument."""
    return log_arguments(first, after_offset)


@strawberry.type(
    description="A part of the output of a session or build: standard output and standard error together, without values of secret "
    "variables. The newest 1 MiB is stored; offsets also count bytes that are no longer stored."
)
class LogPage:
    """B84."""

    source: LogSource = attribute(SOURCE)
    session: int | None = attribute(SESSION)
    start_offset: BigInt = attribute(
        "The offset in bytes at which `text` begins. It is larger than the requested one if the output between is no longer stored."
    )
    next_offset: BigInt = attribute("The offset in bytes at which `text` ends. Pass it as `afterOffset` to read on.")
    end_offset: BigInt = attribute("The offset in bytes at which the output ends at this time.")
    text: str = attribute("The output as text. Bytes that are not UTF-8 become U+FFFD; characters are never cut.")
    is_complete: bool = attribute("Whether the output has ended and this page contains its end.")

    is_type_of = exactly(LogPageRow)


@strawberry.type(description="The next part of the output of a session or build.")
class LogChunk:
    """B84."""

    source: LogSource = attribute(SOURCE)
    session: int | None = attribute(SESSION)
    offset: BigInt = attribute("The offset in bytes at which `text` begins.")
    next_offset: BigInt = attribute(
        "The offset in bytes at which `text` ends. Pass it as `afterOffset` to continue after a lost connection."
    )
    text: str = attribute("The output as text. Bytes that are not UTF-8 become U+FFFD; characters are never cut.")
    skipped: BigInt = attribute(
        "The number of bytes before `text` that are missing: no longer stored, or written too fast to be stored. 0 if nothing is missing."
    )

    is_type_of = exactly(LogChunkRow)


@strawberry.type(description="The last frame of a stream: all output was sent, and no more will follow.")
class LogEnded:
    """B84."""

    source: LogSource = attribute(SOURCE)
    session: int | None = attribute(SESSION)
    offset: BigInt = attribute("The offset in bytes at which the output ends.")

    is_type_of = exactly(LogEndedRow)
