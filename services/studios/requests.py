"""The requests that commands on Studios take, and their outcome. Ids are those of rows; units are cores, MiB, hours, seconds."""

from dataclasses import dataclass, field

from services.domain.labels import Label
from services.domain.unset import UNSET, Maybe


@dataclass(frozen=True, slots=True)
class EnvVar:
    """An environment variable of a session. The value of a `secret` one is sealed at rest and never returned (B16).

    A value of None keeps the secret that the Studio has under this key (B14).
    """

    key: str
    value: str | None
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Configuration:
    """The settings of how a session runs; UNSET keeps the present value, or the default."""

    cpu: Maybe[float] = UNSET
    memory_mib: Maybe[int] = UNSET
    gpu: Maybe[int] = UNSET
    lifespan_hours: Maybe[int] = UNSET
    env_vars: Maybe[tuple[EnvVar, ...]] = UNSET

    @property
    def is_empty(self) -> bool:
        return self == Configuration()


@dataclass(frozen=True, slots=True)
class CreateStudioRequest:
    """The request to create a Studio. `accept_experimental`: the template may be EXPERIMENTAL (B72). `conda_environment` is the text of
    an `environment.yml` (B76)."""

    workspace_id: str
    name: str
    template_id: str
    compute_environment_id: str | None = None
    description: str | None = None
    configuration: Configuration = field(default_factory=Configuration)
    conda_environment: str | None = None
    auto_start: bool = True
    accept_experimental: bool = False
    labels: tuple[Label, ...] = ()
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class StartStudioRequest:
    """The request to start a Studio. `configuration` is for this session only; with `save` it becomes the Studio's (B1).

    `from_checkpoint_id`: the session starts from this checkpoint of the Studio, in place of the newest (B38).
    `accept_older_checkpoint`: if the newest checkpoint is missing, the session starts from an older one, or without saved files (B38).
    """

    studio_id: str
    configuration: Configuration = field(default_factory=Configuration)
    save: bool = False
    from_checkpoint_id: str | None = None
    accept_older_checkpoint: bool = False
    expected_revision: int | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class StopStudioRequest:
    """The request to stop a Studio. With `grace_seconds` > 0 connected users are warned, and it stops after that time (B57)."""

    studio_id: str
    grace_seconds: int = 0
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class UpdateStudioRequest:
    studio_id: str
    name: Maybe[str] = UNSET
    description: Maybe[str | None] = UNSET
    configuration: Configuration = field(default_factory=Configuration)
    conda_environment: Maybe[str | None] = UNSET
    expected_revision: int | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class SetLabelsRequest:
    """The request to give a Studio these labels in place of all that it has (B86)."""

    studio_id: str
    labels: tuple[Label, ...]
    expected_revision: int | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class StudioActionRequest:
    """A request that needs only a Studio. `accept_older_checkpoint` is that of a start, for `retryBuild` (B38)."""

    studio_id: str
    expected_revision: int | None = None
    idempotency_key: str | None = None
    accept_older_checkpoint: bool = False


@dataclass(frozen=True, slots=True)
class RenameCheckpointRequest:
    checkpoint_id: str
    name: str
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class CloneStudioRequest:
    """The request to make a new Studio from another one's latest checkpoint, or from a checkpoint: exactly one of the ids is given.

    `locked` are the names of fields that the request tries to set, and that a clone has from its source (B42). An UNSET description is
    the source's.
    """

    name: str
    studio_id: str | None = None
    checkpoint_id: str | None = None
    description: Maybe[str | None] = UNSET
    configuration: Configuration = field(default_factory=Configuration)
    locked: tuple[str, ...] = ()
    auto_start: bool = True
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class MigrateStudioRequest:
    """The request to migrate a Studio to a newer template of its tool (B74).

    None means: the newest recommended template, the latest checkpoint, and a free name after the original and the new version.
    """

    studio_id: str
    checkpoint_id: str | None = None
    template_id: str | None = None
    name: str | None = None
    accept_experimental: bool = False
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class DiscardMigrationRequest:
    """The request to delete the Studio that a migration made (B75)."""

    studio_id: str
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class CheckpointNowRequest:
    """The request to save a running session as a further checkpoint; without a name it gets the default one (B32, B34)."""

    studio_id: str
    name: str | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class DeleteCheckpointRequest:
    checkpoint_id: str
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class CheckpointOutcome:
    """The ids that a command on a checkpoint returns. `operation_id` is that of the save that it began."""

    checkpoint_id: str
    operation_id: str | None = None


@dataclass(frozen=True, slots=True)
class StudioOutcome:
    """The ids that a command returns. `operation_id` is None if no operation is in progress afterwards."""

    studio_id: str
    operation_id: str | None = None
