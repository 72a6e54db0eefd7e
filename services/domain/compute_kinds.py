"""The kinds of compute environment, and how they differ: one row for each. Everything that depends on a kind is asked of this table."""

from dataclasses import dataclass

from services.domain.statuses import ComputeKind, Tool


@dataclass(frozen=True, slots=True)
class KindSpec:
    """One kind of compute environment.

    `description` is what clients read of it. `tools` are those that it can run at all. `limits_cpu`: it holds a session to its CPU cores.
    `builds_images`: it builds the images of templates with a recipe. `runs_as_server_user`: sessions are processes of the server's user on
    the server's machine, so that an installation with such an enabled compute environment takes one person only, and all compute
    environments of the kind have their sessions in one place. `engine_noun` names what holds sessions and checkpoints. `warning` is what
    clients are told where one is enabled; None = nothing. `no_answer` says what to check when a tool runs and answers no request (B7), with
    `{port}` for the template's port.
    """

    kind: ComputeKind
    description: str
    tools: frozenset[Tool]
    limits_cpu: bool
    builds_images: bool
    runs_as_server_user: bool
    engine_noun: str
    warning: str | None
    no_answer: str


_SPECS = (
    KindSpec(
        kind=ComputeKind.PROCESS,
        description="Sessions are processes of the server's own user on the server's machine, without limits on CPU and memory. Meant for "
        "one person.",
        tools=frozenset({Tool.JUPYTERLAB, Tool.CUSTOM}),
        limits_cpu=False,
        builds_images=False,
        runs_as_server_user=True,
        engine_noun="data directory",
        warning="A session on a process compute environment runs as the server's own user, with all of that user's rights.",
        no_answer="the tool runs, and answers no HTTP request. Check that it listens on the unix socket $CONNECT_TOOL_SOCKET",
    ),
    KindSpec(
        kind=ComputeKind.DOCKER,
        description="Sessions are containers of a Docker Engine.",
        tools=frozenset(Tool),
        limits_cpu=True,
        builds_images=True,
        runs_as_server_user=False,
        engine_noun="Docker Engine",
        warning=None,
        no_answer="the tool runs, and answers no HTTP request at port {port}. Check that it listens on 0.0.0.0 (not on 127.0.0.1) at "
        "$CONNECT_TOOL_PORT, which is the template's port",
    ),
)
KINDS = {spec.kind: spec for spec in _SPECS}


def spec_of(kind: str) -> KindSpec:
    """Returns the row of `computeenvironment.kind`. Raises ValueError for a word that is no kind."""
    return KINDS[ComputeKind(kind)]
