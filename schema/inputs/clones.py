"""The inputs of `cloneStudio` and `previewClone`."""

import strawberry

from schema.inputs.configuration import CPU, ENVIRONMENT, GPU, MEMORY, EnvironmentVariableInput, nullable, present, variables
from schema.inputs.fields import decode, idempotency_key
from schema.inputs.studios import DESCRIPTION, NAME
from services.studios.clone import LOCKED_FIELDS
from services.studios.requests import CloneStudioRequest, Configuration

LOCKED = "Locked: a clone has that of its source. If it is set, the result is an InvalidInputError. Omitted or null otherwise."
FROM_SOURCE = "If omitted or null, the value of the source is used."


@strawberry.input(one_of=True, description="Identifies what a new Studio is made from. Exactly one field must be given.")
class CloneSourceInput:
    """B40."""

    studio_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET,
        description="The id of a Studio: its latest checkpoint that nothing is being saved to. Omitted if `checkpointId` is given.",
    )
    checkpoint_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="The id of a checkpoint. Omitted if `studioId` is given."
    )


@strawberry.input(description="The input of `cloneStudio` and `previewClone`: the Studio to create, and what it is made from.")
class CloneStudioInput:
    """B40, B42."""

    from_: CloneSourceInput = strawberry.field(name="from", description="What the new Studio is made from.")
    name: str = strawberry.field(description=NAME)
    description: strawberry.Maybe[str | None] = strawberry.field(
        default=None, description=f"{DESCRIPTION} If omitted, the description of the source is used; null means none."
    )
    cpu: float | None = strawberry.field(default=None, description=f"{CPU} {FROM_SOURCE}")
    memory_mib: int | None = strawberry.field(default=None, name="memoryMiB", description=f"{MEMORY} {FROM_SOURCE}")
    gpu: int | None = strawberry.field(default=None, description=f"{GPU} {FROM_SOURCE}")
    environment: list[EnvironmentVariableInput] | None = strawberry.field(
        default=None, description=f"{ENVIRONMENT} They are used in place of all variables of the source. {FROM_SOURCE}"
    )
    template_id: strawberry.ID | None = strawberry.field(default=None, description=LOCKED)
    compute_environment_id: strawberry.ID | None = strawberry.field(default=None, description=LOCKED)
    conda_environment: str | None = strawberry.field(default=None, description=LOCKED)
    lifespan_hours: int | None = strawberry.field(default=None, description=LOCKED)
    auto_start: bool = strawberry.field(default=True, description="Whether the first session is started at once. The default is true.")
    idempotency_key: str | None = idempotency_key()

    def request(self) -> CloneStudioRequest:
        source = self.from_
        return CloneStudioRequest(
            name=self.name,
            studio_id=decode(source.studio_id, "Studio", "studio_id") if isinstance(source.studio_id, str) else None,
            checkpoint_id=decode(source.checkpoint_id, "Checkpoint", "checkpoint_id") if isinstance(source.checkpoint_id, str) else None,
            description=nullable(self.description),
            configuration=Configuration(
                present(self.cpu), present(self.memory_mib), present(self.gpu), env_vars=variables(self.environment)
            ),
            locked=tuple(name for name in LOCKED_FIELDS if getattr(self, name) is not None),
            auto_start=self.auto_start,
            idempotency_key=self.idempotency_key,
        )
