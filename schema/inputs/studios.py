"""Inputs of the commands on Studios."""

import strawberry

from schema.inputs.configuration import (
    CPU,
    DEFAULT,
    ENVIRONMENT,
    GPU,
    LIFESPAN,
    MEMORY,
    UNCHANGED,
    EnvironmentVariableInput,
    configuration,
    not_null,
    refuse_nulls,
    some,
    variables,
)
from schema.inputs.fields import decode, expected_revision, idempotency_key
from services.domain.limits import MAX_DESCRIPTION_LENGTH, MAX_GRACE_SECONDS, MAX_NAME_LENGTH
from services.studios.requests import (
    Configuration,
    CreateStudioRequest,
    RenameCheckpointRequest,
    StartStudioRequest,
    StopStudioRequest,
    StudioActionRequest,
    UpdateStudioRequest,
)


@strawberry.input(description="A Studio to add.")
class CreateStudioInput:
    """B11."""

    workspace_id: strawberry.ID = strawberry.field(description="Where to add it.")
    name: str = strawberry.field(description=f"1 to {MAX_NAME_LENGTH} characters, unique in the workspace without regard to case.")
    template_id: strawberry.ID = strawberry.field(description="What its sessions run: a template of the workspace.")
    description: str | None = strawberry.field(default=None, description=f"What it is for: up to {MAX_DESCRIPTION_LENGTH} characters.")
    compute_environment_id: strawberry.ID | None = strawberry.field(
        default=None, description="Where its sessions run. May be left out if only one compute environment can run the template."
    )
    cpu: float | None = strawberry.field(default=None, description=CPU + DEFAULT)
    memory_mib: int | None = strawberry.field(default=None, name="memoryMiB", description=MEMORY + DEFAULT)
    gpu: int | None = strawberry.field(default=None, description=GPU)
    lifespan_hours: int | None = strawberry.field(default=None, description=LIFESPAN + DEFAULT)
    environment: list[EnvironmentVariableInput] | None = strawberry.field(default=None, description=ENVIRONMENT)
    auto_start: bool = strawberry.field(default=True, description="Whether a session is started at once.")
    idempotency_key: str | None = idempotency_key()

    def command(self) -> CreateStudioRequest:
        environment_id = self.compute_environment_id
        return CreateStudioRequest(
            workspace_id=decode(self.workspace_id, "Workspace", "workspaceId"),
            name=self.name,
            template_id=decode(self.template_id, "Template", "templateId"),
            compute_environment_id=environment_id and decode(environment_id, "ComputeEnvironment", "computeEnvironmentId"),
            description=self.description,
            configuration=configuration(self),
            auto_start=self.auto_start,
            idempotency_key=self.idempotency_key,
        )


@strawberry.input(description="What a session gets instead of what its Studio is configured with.")
class SessionOverridesInput:
    """B1."""

    cpu: float | None = strawberry.field(default=None, description=CPU + UNCHANGED)
    memory_mib: int | None = strawberry.field(default=None, name="memoryMiB", description=MEMORY + UNCHANGED)
    gpu: int | None = strawberry.field(default=None, description=GPU + UNCHANGED)
    lifespan_hours: int | None = strawberry.field(default=None, description=LIFESPAN + UNCHANGED)
    environment: list[EnvironmentVariableInput] | None = strawberry.field(default=None, description=ENVIRONMENT + UNCHANGED)


@strawberry.input(description="A Studio to start.")
class StartStudioInput:
    """B1."""

    studio_id: strawberry.ID = strawberry.field(description="Which one.")
    overrides: SessionOverridesInput | None = strawberry.field(
        default=None, description="For this session only, unless `save` is set. Needs LAUNCH; `environment` needs MAINTAIN."
    )
    save: bool = strawberry.field(default=False, description="Keep the overrides as the Studio's configuration. Needs MAINTAIN.")
    expected_revision: int | None = expected_revision()
    idempotency_key: str | None = idempotency_key()

    def command(self) -> StartStudioRequest:
        return StartStudioRequest(
            studio_id=decode(self.studio_id, "Studio", "studioId"),
            configuration=configuration(self.overrides) if self.overrides else Configuration(),
            save=self.save,
            expected_revision=self.expected_revision,
            idempotency_key=self.idempotency_key,
        )


@strawberry.input(description="A Studio to stop.")
class StopStudioInput:
    """B8."""

    studio_id: strawberry.ID = strawberry.field(description="Which one.")
    grace_seconds: int = strawberry.field(
        default=0, description=f"Warn everybody connected now, and stop after so many seconds (0 to {MAX_GRACE_SECONDS})."
    )
    idempotency_key: str | None = idempotency_key()

    def command(self) -> StopStudioRequest:
        return StopStudioRequest(decode(self.studio_id, "Studio", "studioId"), self.grace_seconds, self.idempotency_key)


@strawberry.input(description="An edit of a Studio that has ended. What is absent stays as it is.")
class UpdateStudioInput:
    """B14."""

    studio_id: strawberry.ID = strawberry.field(description="Which one.")
    name: strawberry.Maybe[str | None] = strawberry.field(
        description=f"1 to {MAX_NAME_LENGTH} characters, unique in the workspace. Not null."
    )
    description: strawberry.Maybe[str | None] = strawberry.field(description=f"Up to {MAX_DESCRIPTION_LENGTH} characters; null removes it.")
    cpu: strawberry.Maybe[float | None] = strawberry.field(description=CPU + " Not null.")
    memory_mib: strawberry.Maybe[int | None] = strawberry.field(name="memoryMiB", description=MEMORY + " Not null.")
    gpu: strawberry.Maybe[int | None] = strawberry.field(description=GPU + " Not null.")
    lifespan_hours: strawberry.Maybe[int | None] = strawberry.field(description=LIFESPAN + " Not null.")
    environment: strawberry.Maybe[list[EnvironmentVariableInput] | None] = strawberry.field(description=ENVIRONMENT + " Not null.")
    expected_revision: int | None = expected_revision()
    idempotency_key: str | None = idempotency_key()

    def command(self) -> UpdateStudioRequest:
        self._refuse_nulls()
        return UpdateStudioRequest(
            studio_id=decode(self.studio_id, "Studio", "studioId"),
            name=not_null(self.name),
            description=some(self.description),
            configuration=Configuration(
                cpu=not_null(self.cpu),
                memory_mib=not_null(self.memory_mib),
                gpu=not_null(self.gpu),
                lifespan_hours=not_null(self.lifespan_hours),
                env_vars=variables(self.environment.value if self.environment else None),
            ),
            expected_revision=self.expected_revision,
            idempotency_key=self.idempotency_key,
        )

    def _refuse_nulls(self) -> None:
        refuse_nulls(
            {
                "name": self.name,
                "cpu": self.cpu,
                "memoryMiB": self.memory_mib,
                "gpu": self.gpu,
                "lifespanHours": self.lifespan_hours,
                "environment": self.environment,
            }
        )


@strawberry.input(description="A Studio to act on.")
class StudioActionInput:
    """Delete, force a stop, retry a build, star, unstar, connect."""

    studio_id: strawberry.ID = strawberry.field(description="Which one.")
    expected_revision: int | None = expected_revision("Looked at by `deleteStudio`, `forceStopStudio` and `retryBuild` only.")
    idempotency_key: str | None = idempotency_key("Not looked at by `connectStudio`: each call makes an address of its own.")

    def command(self) -> StudioActionRequest:
        return StudioActionRequest(decode(self.studio_id, "Studio", "studioId"), self.expected_revision, self.idempotency_key)


@strawberry.input(description="A checkpoint to rename.")
class RenameCheckpointInput:
    """B32."""

    checkpoint_id: strawberry.ID = strawberry.field(description="Which one.")
    name: str = strawberry.field(description=f"1 to {MAX_NAME_LENGTH} characters, unique in the Studio; blanks become underscores.")
    idempotency_key: str | None = idempotency_key()

    def command(self) -> RenameCheckpointRequest:
        return RenameCheckpointRequest(decode(self.checkpoint_id, "Checkpoint", "checkpointId"), self.name, self.idempotency_key)
