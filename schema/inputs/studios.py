"""The inputs of mutations of Studios and checkpoints."""

import strawberry

from schema.inputs.configuration import (
    CPU,
    ENVIRONMENT,
    GPU,
    LIFESPAN,
    MEMORY,
    EnvironmentVariableInput,
    configuration,
    not_null,
    nullable,
    refuse_nulls,
    variables,
)
from schema.inputs.fields import decode, expected_revision, idempotency_key
from services.domain.labels import RULE, Label
from services.domain.limits import (
    MAX_CONDA_ENVIRONMENT_LENGTH,
    MAX_DESCRIPTION_LENGTH,
    MAX_GRACE_SECONDS,
    MAX_LABELS,
    MAX_NAME_LENGTH,
)
from services.domain.time_policy import TimePolicy
from services.studios.configuration import DEFAULT_CPU, DEFAULT_MEMORY_MIB
from services.studios.requests import (
    CheckpointNowRequest,
    Configuration,
    CreateStudioRequest,
    DeleteCheckpointRequest,
    RenameCheckpointRequest,
    SetLabelsRequest,
    StartStudioRequest,
    StopStudioRequest,
    StudioActionRequest,
    UpdateStudioRequest,
)

STUDIO_ID = "The id of the Studio."
NAME = f"The name of the Studio: 1 to {MAX_NAME_LENGTH} characters, unique in the workspace. Upper and lower case count as equal."
DESCRIPTION = f"What the Studio is for, as text for people: at most {MAX_DESCRIPTION_LENGTH} characters."
ACCEPT_OLDER_CHECKPOINT = (
    "Whether the session may start from an older checkpoint, or without any saved files, if the data of the newest one is missing or the "
    "last session was lost before its first save. The default is false: the mutation then returns a CheckpointMissingError that names both."
)
CONDA = (
    f"Conda packages, as the text of an `environment.yml` file: at most {MAX_CONDA_ENVIRONMENT_LENGTH} characters. Only for a template "
    "with a recipe, on containers."
)
UNCHANGED = "If omitted or null, the value of the Studio is used."
KEPT = "If omitted, the present value stays; null is an error."


@strawberry.input(description="A label of a Studio.")
class LabelInput:
    """B86."""

    key: str = strawberry.field(description=f"The key: {RULE}. A Studio has one label of each key.")
    value: str = strawberry.field(description=f"The value: {RULE}.")


def labels_of(given: list[LabelInput] | None) -> tuple[Label, ...]:
    return tuple(Label(label.key, label.value) for label in given or ())


@strawberry.input(description="The input of `setLabels`: a Studio, and all labels that it shall have.")
class SetLabelsInput:
    """B86."""

    studio_id: strawberry.ID = strawberry.field(description=STUDIO_ID)
    labels: list[LabelInput] = strawberry.field(description=f"All labels of the Studio, at most {MAX_LABELS}. An empty list removes all.")
    expected_revision: int | None = expected_revision()
    idempotency_key: str | None = idempotency_key()

    def request(self) -> SetLabelsRequest:
        return SetLabelsRequest(
            studio_id=decode(self.studio_id, "Studio", "studio_id"),
            labels=labels_of(self.labels),
            expected_revision=self.expected_revision,
            idempotency_key=self.idempotency_key,
        )


@strawberry.input(description="The input of `createStudio`: the Studio to create.")
class CreateStudioInput:
    """B11."""

    workspace_id: strawberry.ID = strawberry.field(description="The id of the workspace in which the Studio is created.")
    name: str = strawberry.field(description=NAME)
    template_id: strawberry.ID = strawberry.field(
        description="The id of the template that the sessions run. It must belong to the workspace and must not be UNSUPPORTED. If it "
        "is EXPERIMENTAL, `acceptExperimental` must be true."
    )
    description: str | None = strawberry.field(default=None, description=f"{DESCRIPTION} If omitted or null, the Studio has none.")
    compute_environment_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="The id of the compute environment that runs the sessions. If omitted or null, the only enabled one of the workspace "
        "that can run the template is used; if there is not exactly one, the result is an InvalidInputError.",
    )
    cpu: float | None = strawberry.field(
        default=None, description=f"{CPU} If omitted or null: {DEFAULT_CPU:g}, or the capacity if that is less."
    )
    memory_mib: int | None = strawberry.field(
        default=None, name="memoryMiB", description=f"{MEMORY} If omitted or null: {DEFAULT_MEMORY_MIB}, or the capacity if that is less."
    )
    gpu: int | None = strawberry.field(default=None, description=f"{GPU} If omitted or null: 0.")
    lifespan_hours: int | None = strawberry.field(
        default=None,
        description=f"{LIFESPAN} If omitted or null, the lifespan in the settings of the workspace, "
        f"else {TimePolicy().lifespan_hours} hours.",
    )
    environment: list[EnvironmentVariableInput] | None = strawberry.field(
        default=None, description=f"{ENVIRONMENT} If omitted or null, none."
    )
    conda_environment: str | None = strawberry.field(
        default=None, description=f"{CONDA} They are built into the image before the first start. If omitted or null, none."
    )
    auto_start: bool = strawberry.field(default=True, description="Whether the first session is started at once. The default is true.")
    accept_experimental: bool = strawberry.field(
        default=False,
        description="Whether the template may be EXPERIMENTAL. The default is false: for such a template the result is then an "
        "InvalidInputError with the problem EXPERIMENTAL.",
    )
    labels: list[LabelInput] | None = strawberry.field(
        default=None, description=f"The labels of the Studio, at most {MAX_LABELS}. If omitted or null, none."
    )
    idempotency_key: str | None = idempotency_key()

    def request(self) -> CreateStudioRequest:
        environment_id = self.compute_environment_id
        return CreateStudioRequest(
            workspace_id=decode(self.workspace_id, "Workspace", "workspace_id"),
            name=self.name,
            template_id=decode(self.template_id, "Template", "template_id"),
            compute_environment_id=environment_id and decode(environment_id, "ComputeEnvironment", "compute_environment_id"),
            description=self.description,
            configuration=configuration(self),
            conda_environment=self.conda_environment,
            auto_start=self.auto_start,
            accept_experimental=self.accept_experimental,
            labels=labels_of(self.labels),
            idempotency_key=self.idempotency_key,
        )


@strawberry.input(
    description="Values that replace the configuration of the Studio for a session. Fields that are omitted or null keep its values."
)
class SessionOverridesInput:
    """B1."""

    cpu: float | None = strawberry.field(default=None, description=f"{CPU} {UNCHANGED}")
    memory_mib: int | None = strawberry.field(default=None, name="memoryMiB", description=f"{MEMORY} {UNCHANGED}")
    gpu: int | None = strawberry.field(default=None, description=f"{GPU} {UNCHANGED}")
    lifespan_hours: int | None = strawberry.field(default=None, description=f"{LIFESPAN} {UNCHANGED}")
    environment: list[EnvironmentVariableInput] | None = strawberry.field(
        default=None, description=f"{ENVIRONMENT} They are used in place of all variables of the Studio. {UNCHANGED}"
    )


@strawberry.input(description="The input of `startStudio`: the Studio to start.")
class StartStudioInput:
    """B1."""

    studio_id: strawberry.ID = strawberry.field(description=STUDIO_ID)
    overrides: SessionOverridesInput | None = strawberry.field(
        default=None,
        description="Other values for this session; with `save`, also for later ones. Its field `environment` needs the role MAINTAIN. "
        "An error if the Studio is already starting or running. If omitted or null, the session runs with the configuration of the Studio.",
    )
    save: bool = strawberry.field(
        default=False,
        description="Whether `overrides` also become the configuration of the Studio; needs the role MAINTAIN. The default is false.",
    )
    from_checkpoint_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="The id of the checkpoint of this Studio from which the session starts. Newer checkpoints stay, so that this can be "
        "undone. An error if the Studio is already starting or running from another one. If omitted or null, the newest one.",
    )
    accept_older_checkpoint: bool = strawberry.field(default=False, description=ACCEPT_OLDER_CHECKPOINT)
    expected_revision: int | None = expected_revision()
    idempotency_key: str | None = idempotency_key()

    def request(self) -> StartStudioRequest:
        return StartStudioRequest(
            studio_id=decode(self.studio_id, "Studio", "studio_id"),
            configuration=configuration(self.overrides) if self.overrides else Configuration(),
            save=self.save,
            from_checkpoint_id=self.from_checkpoint_id and decode(self.from_checkpoint_id, "Checkpoint", "from_checkpoint_id"),
            accept_older_checkpoint=self.accept_older_checkpoint,
            expected_revision=self.expected_revision,
            idempotency_key=self.idempotency_key,
        )


@strawberry.input(description="The input of `stopStudio`: the Studio to stop.")
class StopStudioInput:
    """B8."""

    studio_id: strawberry.ID = strawberry.field(description=STUDIO_ID)
    grace_seconds: int = strawberry.field(
        default=0,
        description=f"Seconds until the session is stopped: 0 to {MAX_GRACE_SECONDS}. Above 0, everybody who is connected is warned at "
        "once. If a stop is planned already, the earlier time counts. The default is 0: the session is stopped at once.",
    )
    idempotency_key: str | None = idempotency_key()

    def request(self) -> StopStudioRequest:
        return StopStudioRequest(decode(self.studio_id, "Studio", "studio_id"), self.grace_seconds, self.idempotency_key)


@strawberry.input(description="The input of `updateStudio`: the new values. Fields that are omitted keep their present values.")
class UpdateStudioInput:
    """B14."""

    studio_id: strawberry.ID = strawberry.field(description=STUDIO_ID)
    name: strawberry.Maybe[str | None] = strawberry.field(description=f"{NAME} {KEPT}")
    description: strawberry.Maybe[str | None] = strawberry.field(description=f"{DESCRIPTION} If omitted, it stays; null removes it.")
    cpu: strawberry.Maybe[float | None] = strawberry.field(description=f"{CPU} {KEPT}")
    memory_mib: strawberry.Maybe[int | None] = strawberry.field(name="memoryMiB", description=f"{MEMORY} {KEPT}")
    gpu: strawberry.Maybe[int | None] = strawberry.field(description=f"{GPU} {KEPT}")
    lifespan_hours: strawberry.Maybe[int | None] = strawberry.field(description=f"{LIFESPAN} {KEPT}")
    environment: strawberry.Maybe[list[EnvironmentVariableInput] | None] = strawberry.field(
        description=f"{ENVIRONMENT} The whole present list is replaced; secret variables that are given without a value keep theirs. {KEPT}"
    )
    conda_environment: strawberry.Maybe[str | None] = strawberry.field(
        description=f"{CONDA} Locked once files of a session are saved, which contain the packages. If omitted, it stays; null removes it."
    )
    expected_revision: int | None = expected_revision()
    idempotency_key: str | None = idempotency_key()

    def request(self) -> UpdateStudioRequest:
        self._refuse_nulls()
        return UpdateStudioRequest(
            studio_id=decode(self.studio_id, "Studio", "studio_id"),
            name=not_null(self.name),
            description=nullable(self.description),
            configuration=Configuration(
                cpu=not_null(self.cpu),
                memory_mib=not_null(self.memory_mib),
                gpu=not_null(self.gpu),
                lifespan_hours=not_null(self.lifespan_hours),
                env_vars=variables(self.environment.value if self.environment else None),
            ),
            conda_environment=nullable(self.conda_environment),
            expected_revision=self.expected_revision,
            idempotency_key=self.idempotency_key,
        )

    def _refuse_nulls(self) -> None:
        refuse_nulls(
            {
                "name": self.name,
                "cpu": self.cpu,
                "memory_mib": self.memory_mib,
                "gpu": self.gpu,
                "lifespan_hours": self.lifespan_hours,
                "env_vars": self.environment,
            }
        )


@strawberry.input(description="The input of the mutations that need only a Studio, such as `deleteStudio`.")
class StudioActionInput:
    """Delete, force a stop, retry a build, star, unstar, connect."""

    studio_id: strawberry.ID = strawberry.field(description=STUDIO_ID)
    expected_revision: int | None = expected_revision("Only `deleteStudio`, `forceStopStudio` and `retryBuild` use it.")
    accept_older_checkpoint: bool = strawberry.field(default=False, description=f"{ACCEPT_OLDER_CHECKPOINT} Only `retryBuild` uses it.")
    idempotency_key: str | None = idempotency_key("`connectStudio` ignores it.")

    def request(self) -> StudioActionRequest:
        studio_id = decode(self.studio_id, "Studio", "studio_id")
        return StudioActionRequest(studio_id, self.expected_revision, self.idempotency_key, self.accept_older_checkpoint)


@strawberry.input(description="The input of `checkpointNow`: the Studio to save.")
class CheckpointNowInput:
    """B34."""

    studio_id: strawberry.ID = strawberry.field(description=STUDIO_ID)
    name: str | None = strawberry.field(
        default=None,
        description=f"The name of the checkpoint: 1 to {MAX_NAME_LENGTH} characters, unique in the Studio. Spaces become underscores. If "
        "omitted or null, the name of the Studio with a number.",
    )
    idempotency_key: str | None = idempotency_key()

    def request(self) -> CheckpointNowRequest:
        return CheckpointNowRequest(decode(self.studio_id, "Studio", "studio_id"), self.name, self.idempotency_key)


@strawberry.input(description="The input of `deleteCheckpoint`: the checkpoint to delete.")
class DeleteCheckpointInput:
    """B35."""

    checkpoint_id: strawberry.ID = strawberry.field(description="The id of the checkpoint.")
    idempotency_key: str | None = idempotency_key()

    def request(self) -> DeleteCheckpointRequest:
        return DeleteCheckpointRequest(decode(self.checkpoint_id, "Checkpoint", "checkpoint_id"), self.idempotency_key)


@strawberry.input(description="The input of `renameCheckpoint`: the checkpoint and its new name.")
class RenameCheckpointInput:
    """B32."""

    checkpoint_id: strawberry.ID = strawberry.field(description="The id of the checkpoint.")
    name: str = strawberry.field(
        description=f"The new name: 1 to {MAX_NAME_LENGTH} characters, unique in the Studio. Spaces become underscores."
    )
    idempotency_key: str | None = idempotency_key()

    def request(self) -> RenameCheckpointRequest:
        return RenameCheckpointRequest(decode(self.checkpoint_id, "Checkpoint", "checkpoint_id"), self.name, self.idempotency_key)
