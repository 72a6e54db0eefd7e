"""The kinds of compute environment, and which tools each can run."""

from services.domain.statuses import Tool

PROCESS = "process"
DOCKER = "docker"

TOOLS: dict[str, frozenset[Tool]] = {
    PROCESS: frozenset({Tool.JUPYTERLAB, Tool.CUSTOM}),
    DOCKER: frozenset(Tool),
}

LIMITING = frozenset({DOCKER})
"""Those that hold a session to its CPU cores."""

BUILDS = frozenset({DOCKER})
"""The kinds that build the images of templates with a recipe."""


def runs(kind: str, tool: str) -> bool:
    """Whether an environment of `kind` can run `tool` at all."""
    return Tool(tool) in TOOLS.get(kind, frozenset())
