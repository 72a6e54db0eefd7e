"""What the server knows of a provided image without building it: the values of a template of its recipe."""

from dataclasses import dataclass

from services.domain.statuses import Tool
from services.domain.versions import CONNECT_VERSION

DEFAULT_PORT, DEFAULT_READY_PATH = 8888, "/"
"""Where a tool listens, and where it answers once it is ready, unless its template says otherwise."""


@dataclass(frozen=True, slots=True)
class ProvidedRelease:
    """The tool of a provided recipe, and how its sessions are reached; `title` is the usual name of a template of it."""

    title: str
    tool: Tool
    tool_version: str
    connect_version: str = CONNECT_VERSION
    port: int = DEFAULT_PORT
    ready_path: str = DEFAULT_READY_PATH
    single_user: bool = False
    embeddable: bool = True
    prefix_capable: bool = False
    icon_url: str | None = None
