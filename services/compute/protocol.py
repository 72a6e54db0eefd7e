"""Defines `Compute`, the protocol that every kind of compute environment implements, and the values that go through it.

Every method is idempotent: it may be called again after a crash, by another process, with the same names. Names are fixed before
creation (`SessionName`), so that a session of a crashed server is found by its name. An engine that does not answer raises
`ComputeUnknown`, from which nobody may conclude that a session ended. Nothing here assumes that sessions run on one machine.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from services.compute.session_programs import SessionFiles, SessionProgram
from services.domain.errors import DomainError
from services.domain.session_name import SessionName

BYTES_PER_MIB = 1 << 20
"""Fields named `..._mib` are in this unit."""


class ComputeUnknown(Exception):
    """The engine does not answer, or its answer cannot be read: nothing may be concluded. The text is for the status message."""


class EngineSilent(ComputeUnknown):
    """The engine cannot be reached, or did not answer in time."""


class UnidentifiedEngine(ComputeUnknown):
    """The engine or data directory is not the one that the compute environment's sessions and checkpoints are on, or cannot be told from
    another one. What it lacks may well exist."""


class ComputeFailed(DomainError):
    """The engine refused. The text says what failed and, if known, what to do. The same call would fail again."""

    code = "COMPUTE_FAILED"


class ImageMissing(ComputeFailed):
    """The image `reference`, which was built in the compute environment, was removed from it."""

    code = "IMAGE_MISSING"

    def __init__(self, reference: str) -> None:
        super().__init__(f"The image {reference} was removed from the compute environment. Start the Studio again to build it anew.")
        self.reference = reference


class CheckpointMissing(ComputeFailed):
    """The archive or image of a checkpoint was removed, or is not what was saved (B30: INVALID)."""

    code = "CHECKPOINT_MISSING"


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """The image of a template.

    `tool` is a value of `services.domain.statuses.Tool`. `image` is an image reference, or what the process kind runs. `built`: it is built
    in the compute environment (`build_image`) and never pulled, since another image in a registry may have that name.
    """

    tool: str
    image: str
    tool_version: str
    built: bool = False


@dataclass(frozen=True, slots=True)
class CondaLayer:
    """Conda packages to be installed on the image `base` of the recipe, which is built first if it is missing.

    `environment` is {"channels", "packages", "pip"} of a `CondaEnvironment`, and {"kernel"}: whether notebooks run in it.
    """

    base: str
    environment: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ImageBuild:
    """An image to be built from the recipe `directory`, the name of a directory of images/, and named `reference`."""

    reference: str
    directory: str
    conda: CondaLayer | None = None

    @classmethod
    def of_recipe(cls, reference: str, recipe: Mapping[str, Any]) -> "ImageBuild":
        """Returns the build that the `recipe` of a build's row describes."""
        conda = dict(recipe.get("conda") or {})
        return cls(reference, recipe["directory"], CondaLayer(conda.pop("base"), conda) if conda else None)


@dataclass(frozen=True, slots=True)
class SessionSpec:
    """All that is needed to create a session. `env_vars` may hold secrets: they must not be shown by anything that people can inspect.

    `base` is the reference of the checkpoint to begin from (None = the image alone). `port` is the template's;
    `memory_mib` and `gpu` 0 = no limit; `ready_path` is the path whose HTTP answer means ready.
    """

    name: SessionName
    image: ImageSpec
    port: int
    ready_path: str
    cpu: float
    memory_mib: int
    gpu: int
    env_vars: Mapping[str, str] = field(default_factory=dict)
    base: str | None = None
    base_digest: str | None = None


@dataclass(frozen=True, slots=True)
class Upstream:
    """The address of a session's tool, as the proxy connects to it: a unix socket, or a host and port.

    `headers` are added to every request (a token that only the proxy knows). `path_prefix` is the path below which the tool answers.
    """

    unix: str | None = None
    host: str | None = None
    port: int | None = None
    path_prefix: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "unix": self.unix,
            "host": self.host,
            "port": self.port,
            "path_prefix": self.path_prefix,
            "headers": dict(self.headers),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Upstream":
        return cls(**data)


class Presence(StrEnum):
    """The state of a session's resources in the compute environment."""

    ABSENT = "absent"
    CREATED = "created"
    RUNNING = "running"
    EXITED = "exited"


@dataclass(frozen=True, slots=True)
class Observation:
    """What the engine says of a session. `exit_code` and `out_of_memory` are set only when EXITED; `at` is when it ended, if known.

    `unprepared`: it ended without its variables, as when the server died between its start and sending them; `ensure_session` creates it
    anew. A tool may by chance end with the same exit code: only a start may conclude from it, and only once.
    `upstream`: its present address, when RUNNING and if it is known and may change; without a `port`, the port is unchanged.
    """

    presence: Presence
    exit_code: int | None = None
    out_of_memory: bool = False
    at: datetime | None = None
    message: str | None = None
    unprepared: bool = False
    upstream: Upstream | None = None


@dataclass(frozen=True, slots=True)
class Saved:
    """A finished save. `reference` finds it again, `digest` proves its content, `size` is how many bytes it adds.

    `layers` is how many layers it has above those of the template; 0 where a kind has none. `pause_seconds` is for how long at most the
    session's processes stood still for it.
    """

    reference: str
    digest: str
    size: int
    layers: int = 0
    pause_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class SaveRequest:
    """The arguments of `Compute.save`; `reference` is what the save will be called (`Compute.new_reference`).

    `interim`: the session runs on. `secrets` must not be found in what the engine shows of the save. `recorded` is the present data of the
    session's checkpoint: it is returned instead of a new save if no file has changed since (B34). `progress` is told of unusual costs.
    """

    name: SessionName
    reference: str
    interim: bool
    secrets: tuple[str, ...] = ()
    recorded: Saved | None = None
    progress: "Progress | None" = None


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a session's resources, to be followed by `observe`. `name` None: any session may have changed."""

    name: SessionName | None
    what: str


@dataclass(frozen=True, slots=True)
class OutputChunk:
    """Bytes of a session's output, and the cursor after them, whose form is the kind's own. Before them, `skipped` bytes were lost."""

    data: bytes
    cursor: str
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """What a session uses at one moment, over all its processes. None: the kind cannot tell.

    `cpu_seconds`, of one core, and network bytes only grow. `memory_bytes` is without what the kernel can drop at once;
    `memory_limit_bytes` what it may use at most (None = nothing limits it). `processes` counts each with its threads.
    """

    cpu_seconds: float
    memory_bytes: int
    memory_limit_bytes: int | None = None
    network_received_bytes: int | None = None
    network_sent_bytes: int | None = None
    processes: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What a check of a compute environment found: its capacity (cpu in cores, memory in MiB), and warnings and notes for people."""

    cpu: float
    memory_mib: int
    gpu: int
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Progress(Protocol):
    """Receives the progress of a long call, as a message for the user."""

    async def __call__(self, message: str) -> None: ...


class OutputSink(Protocol):
    """Receives what a build prints, as bytes of its log."""

    async def __call__(self, data: bytes) -> None: ...


class Compute(Protocol):
    """One compute environment of one kind."""

    async def engine_id(self) -> str | None:
        """Returns the id that marks its engine or data directory; None if nothing marks it. Raises ComputeUnknown, UnidentifiedEngine."""
        ...

    async def mark_engine(self, engine_id: str) -> str:
        """Marks its engine or data directory with this id, unless it has one; returns the id that it has then. Raises ComputeUnknown."""
        ...

    async def check(self) -> Report:
        """Checks that it works, and returns what it has. Raises ComputeUnknown or ComputeFailed."""
        ...

    async def ensure_image(self, image: ImageSpec, progress: Progress) -> None:
        """Makes the template's image or tool available. May take minutes; may be cancelled and called again.

        Raises ComputeFailed, ImageMissing.
        """
        ...

    async def build_image(self, build: ImageBuild, printed: OutputSink) -> None:
        """Builds an image. May take many minutes. A cancelled call ends the build; the next one repeats no finished step.

        Raises ComputeFailed with what went wrong.
        """
        ...

    async def ensure_session(self, spec: SessionSpec, progress: Progress) -> None:
        """Creates the session and starts it, or adopts the one of this name. Raises ComputeFailed, CheckpointMissing."""
        ...

    async def probe(self, name: SessionName, port: int, ready_path: str) -> Upstream | None:
        """Returns the address of the tool once it has answered an HTTP request with any status (B3); else None."""
        ...

    async def observe(self, name: SessionName) -> Observation:
        """Returns what the engine says of the session. Raises ComputeUnknown."""
        ...

    async def stop(self, name: SessionName, grace: timedelta) -> None:
        """Ends all of its processes: SIGTERM, `grace`, SIGKILL. Its file system stays. Does nothing if it is absent or ended."""
        ...

    async def new_reference(self, name: SessionName, checkpoint_id: str, *, interim: bool) -> str:
        """Returns a name for a save that is to be made, which no other save has or had. It is written as a row before the save begins."""
        ...

    async def final_saves(self, name: SessionName, checkpoint_id: str) -> list[str]:
        """Returns the references of finished saves that were made of the session after its end, whether or not they were recorded."""
        ...

    async def save(self, request: SaveRequest) -> Saved:
        """Saves the session's file system under the request's reference; returns the save of that reference if it was made before.

        Raises ComputeFailed.
        """
        ...

    async def flat_reference(self, reference: str, checkpoint_id: str) -> str:
        """Returns a name for the save `reference` with merged layers, which no other save has or had. It is written as a row before."""
        ...

    async def flatten(self, reference: str, target: str) -> Saved:
        """Makes the save `target`, which has the same files as `reference`, by one layer above those of the template.

        Raises CheckpointMissing, ComputeFailed, ComputeUnknown.
        """
        ...

    async def rebase(self, source: Saved, image: ImageSpec, target: str) -> Saved:
        """Makes the save `target`: the files that sessions added in `source`, over another template's image, which is there.

        Returns the save of that name if it was made before. Raises CheckpointMissing, ComputeFailed, ComputeUnknown.
        """
        ...

    async def session_files(self, name: SessionName, source: Saved, image: ImageSpec) -> SessionFiles:
        """Returns which files sessions added in `source`, and which of them the template of `image` changed as well.

        `name` is the session that began from the same files. Without the image it says that they are unread. May take minutes.
        Raises CheckpointMissing, ComputeFailed, ComputeUnknown.
        """
        ...

    async def run(self, name: SessionName, program: SessionProgram) -> bytes:
        """Runs a program in the session and returns its output, which is not to be trusted. Raises ComputeFailed, ComputeUnknown."""
        ...

    async def remove(self, name: SessionName) -> None:
        """Removes all its resources, but no checkpoint. Does nothing if it is absent. Raises ComputeUnknown if that fails."""
        ...

    async def has_checkpoint(self, reference: str, digest: str | None) -> bool:
        """Returns whether the save is there and is what was saved. Raises ComputeUnknown; no other failure means that it is missing."""
        ...

    async def remove_checkpoint(self, reference: str) -> None:
        """Removes a save. Does nothing if it is absent."""
        ...

    async def checkpoints(self) -> list[str]:
        """Returns the references of all saves of this installation, recorded or not."""
        ...

    async def sessions(self) -> list[tuple[SessionName, Observation]]:
        """Returns all sessions of this installation that have resources, found by their labels."""
        ...

    def watch(self) -> AsyncIterator[Change]:
        """Streams changes as they happen. Raises ComputeUnknown when the connection is lost: the caller lists all and watches again."""
        ...

    async def tail(self, name: SessionName, limit: int) -> bytes:
        """Returns the last bytes of its output, at most `limit`; none if it is absent. Raises ComputeUnknown."""
        ...

    def follow(self, name: SessionName, cursor: str | None) -> AsyncGenerator[OutputChunk]:
        """Streams its output after `cursor` (None: from the beginning), in pieces of about 64 KiB, first the past and then as it comes.

        Ends once its processes have ended and all is read, at once if it is absent. Raises ComputeUnknown when the connection is lost:
        a call with the last cursor goes on. A slow reader holds up nobody. To be closed (`aclosing`).
        """
        ...

    async def stats(self, name: SessionName) -> Usage | None:
        """Returns what it uses; None if it does not run. May take a second. Raises ComputeUnknown."""
        ...

    async def close(self) -> None:
        """Closes connections; sessions run on. Open calls that use a connection, and later ones, raise ComputeUnknown."""
        ...
