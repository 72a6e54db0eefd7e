"""What is done to Studios and their checkpoints."""

import strawberry

from resolvers import mutations, payloads
from schema.fields import Info, field
from schema.inputs.studios import (
    CreateStudioInput,
    RenameCheckpointInput,
    StartStudioInput,
    StopStudioInput,
    StudioActionInput,
    UpdateStudioInput,
)
from schema.mutations.argument import Given
from schema.results import CheckpointResult, ConnectStudioResult, DeleteStudioResult, StudioResult
from services.access import Permission


@strawberry.type
class StudioMutations:
    """Each is one command of `services.studios`."""

    @field("Add a Studio, and start it unless `autoStart` is false.", Permission.STUDIO_CREATE)
    async def create_studio(self, info: Info, given: Given[CreateStudioInput]) -> StudioResult:
        context = info.context
        return await mutations.answer(context, lambda: context.services.studios.create(context.viewer, given.command()), payloads.studio)

    @field("Start a session of a Studio that has ended. If it runs already, or is on its way, nothing changes.", Permission.STUDIO_START)
    async def start_studio(self, info: Info, given: Given[StartStudioInput]) -> StudioResult:
        context = info.context
        return await mutations.answer(
            context,
            lambda: mutations.within("overrides", context.services.studios.start(context.viewer, given.command())),
            payloads.studio,
        )

    @field(
        "Stop a running Studio: its session is saved as a checkpoint, and nothing stays in use. Cancels a build.", Permission.STUDIO_STOP
    )
    async def stop_studio(self, info: Info, given: Given[StopStudioInput]) -> StudioResult:
        context = info.context
        return await mutations.answer(context, lambda: context.services.studios.stop(context.viewer, given.command()), payloads.studio)

    @field("Edit a Studio that has ended.", Permission.STUDIO_EDIT)
    async def update_studio(self, info: Info, given: Given[UpdateStudioInput]) -> StudioResult:
        context = info.context
        return await mutations.answer(context, lambda: context.services.studios.update(context.viewer, given.command()), payloads.studio)

    @field("Delete a Studio that has ended, at once and for ever. Checkpoints that others need stay.", Permission.STUDIO_DELETE)
    async def delete_studio(self, info: Info, given: Given[StudioActionInput]) -> DeleteStudioResult:
        context = info.context
        return await mutations.answer(
            context, lambda: context.services.studios.delete(context.viewer, given.command()), payloads.deleted_studio
        )

    @field("An address that lets the viewer into the running session, once, within 60 seconds.", Permission.STUDIO_CONNECT)
    async def connect_studio(self, info: Info, given: Given[StudioActionInput]) -> ConnectStudioResult:
        context = info.context
        return await mutations.answer(
            context, lambda: context.services.connect_codes.issue(context.viewer, given.command().studio_id), payloads.connection
        )

    @field("Mark a Studio with the viewer's star.", Permission.STUDIO_STAR)
    async def star_studio(self, info: Info, given: Given[StudioActionInput]) -> StudioResult:
        context = info.context
        return await mutations.answer(context, lambda: context.services.studios.star(context.viewer, given.command()), payloads.studio)

    @field("Take the viewer's star from a Studio.", Permission.STUDIO_STAR)
    async def unstar_studio(self, info: Info, given: Given[StudioActionInput]) -> StudioResult:
        context = info.context
        return await mutations.answer(context, lambda: context.services.studios.unstar(context.viewer, given.command()), payloads.studio)

    @field("Give a checkpoint another name.", Permission.CHECKPOINT_EDIT)
    async def rename_checkpoint(self, info: Info, given: Given[RenameCheckpointInput]) -> CheckpointResult:
        context = info.context
        return await mutations.answer(
            context, lambda: context.services.checkpoints.rename(context.viewer, given.command()), payloads.checkpoint
        )
