"""What a kind of compute environment must be able to do. Nothing here fits one machine only.

Every method is idempotent: it may be called again after a crash, by another process, with the same names. Names are fixed before
creation (`SessionName`), so that adoption after a crash is a look-up. What the engine does not answer raises `ComputeUnknown`:
unknown is not stopped.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from services.domain.errors import DomainError
from services.domain.session_name import SessionName


class ComputeUnknown(Exception):
    """The engine does not answer, or answers nonsense: nothing may be concluded. The text is for the status message."""


class ComputeFailed(DomainError):
    """The engine answered, and the answer is no: the text says what and, if known, what to do. No retry helps by itself."""

    code = "COMPUTE_FAILED"


class ImageMissing(ComputeFailed):
    """The image `reference`, which is built in the compute environment, is not there any more."""

    code = "IMAGE_MISSING"

    def __init__(self, reference: str) -> None:
        super().__init__(f"The image {reference} was removed from the compute environment. Start the Studio again: it is built anew.")
        self.reference = reference


class CheckpointMissing(ComputeFailed):
    """The saved archive or image is not there, or not what was saved (B30: INVALID)."""

    code = "CHECKPOINT_MISSING"


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """The image of a template. `tool` is a word of `services.domain.statuses.Tool`; `image` is an image reference or a process recipe.

    `built` = it is built in the compute environment (`build_image`), and never pulled: somebody else's image may have that name.
    """

    tool: str
    image: str
    tool_version: str
    built: bool = False


@dataclass(frozen=True, slots=True)
class ImageBuild:
    """An image to be built from the recipe `directory`, a word of images/, and called `reference`."""

    reference: str
    directory: str


@dataclass(frozen=True, slots=True)
class SessionSpec:
    """All that is needed to create a session. `environment` may hold secrets: it must not reach an inspectable place.

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
    """Where a session's tool listens, as the proxy dials it: a unix socket, or a host and port.

    `headers` are added to every request upstream (a token only the proxy knows). `path_prefix` is where the tool expects to live.
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
    """What is known of a session's resources."""

    ABSENT = "absent"
    CREATED = "created"
    RUNNING = "running"
    EXITED = "exited"


@dataclass(frozen=True, slots=True)
class Observation:
    """What the engine positively says. `exit_code` and `out_of_memory` only when EXITED; `at` when it ended, if known.

    `unprepared`: it ended without what it needs, as after our death between its start and the handing over; `ensure_session` makes
    it anew. A tool may by chance end in the same way: only a start may conclude from it, and only once.
    `upstream`: where it listens now, when RUNNING and if that is known and may change; without a `port`, it is at the one it had.
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
    """A finished save. `reference` finds it again; `digest` proves it; `size` is what it adds, in bytes."""

    reference: str
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Change:
    """Something happened to a session's resources; look again with `observe`. `name` None = look at all."""

    name: SessionName | None
    what: str


@dataclass(frozen=True, slots=True)
class OutputChunk:
    """Bytes of a session's output, and the place after them: a word of the kind's own. Before them, `skipped` bytes were lost."""

    data: bytes
    cursor: str
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """What a session uses, as counted at one moment, over all its processes; None = the kind cannot tell.

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
    """What a check of the environment found: what it has (cpu in cores, memory in MiB), warnings and notes in plain words."""

    cpu: float
    memory_mib: int
    gpu: int
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Progress(Protocol):
    """Told what is going on during a long call, in words for the user."""

    async def __call__(self, message: str) -> None: ...


class OutputSink(Protocol):
    """Takes what a build prints, as bytes of its log."""

    async def __call__(self, data: bytes) -> None: ...


class Compute(Protocol):
    """One compute environment of one kind."""

    async def check(self) -> Report:
        """Whether it works, and what it has. Raises ComputeUnknown or ComputeFailed."""
        ...

    async def ensure_image(self, image: ImageSpec, progress: Progress) -> None:
        """Have what the template runs at hand. May take minutes; safe to cancel and to call again. Raises ComputeFailed, ImageMissing."""
        ...

    async def build_image(self, build: ImageBuild, printed: OutputSink) -> None:
        """Build an image. May take many minutes; a cancelled call ends the build, and the next one goes on where it was.

        Raises ComputeFailed with what went wrong.
        """
        ...

    async def ensure_session(self, spec: SessionSpec, progress: Progress) -> None:
        """Create the session and start it, or adopt the one of this name. Raises ComputeFailed, CheckpointMissing."""
        ...

    async def probe(self, name: SessionName, port: int, ready_path: str) -> Upstream | None:
        """Where the tool listens, once it has answered an HTTP request with any status (B3); else None."""
        ...

    async def observe(self, name: SessionName) -> Observation:
        """What is positively known. Raises ComputeUnknown."""
        ...

    async def stop(self, name: SessionName, grace: timedelta) -> None:
        """End all of its processes: SIGTERM, `grace`, SIGKILL. Its file system stays. Absent or ended = nothing to do."""
        ...

    async def save(
        self, name: SessionName, checkpoint_id: str, *, interim: bool, secrets: tuple[str, ...] = (), keep: str | None = None
    ) -> Saved:
        """Save its file system under a reference made from `checkpoint_id` and whether it is interim; the same call again gives
        the same or an equal save. `interim` = it runs on afterwards. `secrets` must not be found in what the engine shows of the save.
        `keep` is what the checkpoint's row names until now ("" = nothing yet): other interim saves of it were never recorded, and go.
        None = nothing goes.
        Raises ComputeFailed."""
        ...

    async def remove(self, name: SessionName) -> None:
        """Remove all its resources (never a checkpoint). Absent = nothing to do. Raises ComputeUnknown when it could not."""
        ...

    async def remove_checkpoint(self, reference: str) -> None:
        """Remove a save. Absent = nothing to do."""
        ...

    async def sessions(self) -> list[tuple[SessionName, Observation]]:
        """Everything of this installation that is there, found by label."""
        ...

    def watch(self) -> AsyncIterator[Change]:
        """Changes as they happen; ends (with ComputeUnknown) when the connection is lost; the caller lists and watches again."""
        ...

    async def tail(self, name: SessionName, limit: int) -> bytes:
        """The last bytes of its output, at most `limit`. Absent = none. Raises ComputeUnknown."""
        ...

    def follow(self, name: SessionName, cursor: str | None) -> AsyncGenerator[OutputChunk]:
        """What it printed after `place` (None = from the beginning), in pieces of about 64 KiB, then what it prints, as it comes.

        Ends once its processes have ended and all is read, at once where it is absent. Raises ComputeUnknown when the connection
        is lost: the same call with the last place goes on. Whoever takes slowly holds up nobody. To be closed (`aclosing`).
        """
        ...

    async def stats(self, name: SessionName) -> Usage | None:
        """What it uses; None when it does not run. May take a second. Raises ComputeUnknown."""
        ...

    async def close(self) -> None:
        """Closes connections; sessions run on. Open calls that use a connection, and later ones, raise ComputeUnknown."""
        ...
