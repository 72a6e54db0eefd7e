"""The GraphQL types of a preview of a clone."""

import strawberry

from resolvers.clone_previews import ClonePreviewRow, NewStudioRow
from resolvers.loaders import checkpoints, compute_environments, templates
from schema.errors import Error
from schema.fields import attribute, batched, exactly
from schema.types.checkpoint import Checkpoint
from schema.types.compute import ComputeEnvironment, Template
from schema.types.studio_parts import EnvironmentVariable


@strawberry.type(description="A Studio that a mutation would create.")
class StudioPreview:
    """B43."""

    name: str = attribute("The name of the Studio.")
    description: str | None = attribute("The description. Null if there is none.")
    template: Template = batched(templates.by_id, "The template that the sessions would run.", of="template_id")
    compute_environment: ComputeEnvironment = batched(
        compute_environments.by_id, "The compute environment in which the sessions would run.", of="compute_environment_id"
    )
    checkpoint: Checkpoint = batched(checkpoints.by_id, "The checkpoint from which the first session would start.", of="checkpoint_id")
    cpu: float = attribute("The CPU cores of a session. 0 means the default of the compute environment.")
    memory_mib: int = attribute("The memory of a session in MiB. 0 means the default of the compute environment.", name="memoryMiB")
    gpu: int = attribute("The number of GPUs of a session.")
    lifespan_hours: int = attribute("The hours after which a session is stopped. 0 means no limit.")
    environment: list[EnvironmentVariable] = attribute("The environment variables of a session, without the values of secret ones.")

    is_type_of = exactly(NewStudioRow)


@strawberry.type(description="What `cloneStudio` would do with an input.")
class ClonePreview:
    """B43."""

    would_create: StudioPreview | None = attribute("The Studio that would be created. Null if the input would be refused.")
    locked_fields: list[str] = attribute("The names of the input fields that a clone has from its source, and that cannot be set.")
    refusals: list[Error] = attribute("The errors that the mutation would return. Empty if it would succeed.")

    is_type_of = exactly(ClonePreviewRow)
