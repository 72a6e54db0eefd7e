"""What is done to Studios and their checkpoints."""

import strawberry

from resolvers import payloads
from resolvers.mutations import within
from schema.inputs.studios import (
    CreateStudioInput,
    RenameCheckpointInput,
    StartStudioInput,
    StopStudioInput,
    StudioActionInput,
    UpdateStudioInput,
)
from schema.mutations.command import mutation
from schema.results import CheckpointResult, ConnectStudioResult, DeleteStudioResult, StudioResult
from services.domain.access import Permission


@strawberry.type
class StudioMutations:
    """Each is one command of `services.studios`, or of `services.connections.connect_codes`."""

    create_studio: StudioResult = mutation(
        "Add a Studio, and start it unless `autoStart` is false.",
        Permission.STUDIO_CREATE,
        CreateStudioInput,
        lambda services, viewer, given: services.studios.create(viewer, given.command()),
        payloads.studio,
    )
    start_studio: StudioResult = mutation(
        "Start a session of a Studio that has ended. If it runs already, or is on its way, nothing changes.",
        Permission.STUDIO_START,
        StartStudioInput,
        lambda services, viewer, given: within("overrides", services.studios.start(viewer, given.command())),
        payloads.studio,
    )
    stop_studio: StudioResult = mutation(
        "Stop a running Studio: its session is saved as a checkpoint, and nothing stays in use. Cancels a build.",
        Permission.STUDIO_STOP,
        StopStudioInput,
        lambda services, viewer, given: services.studios.stop(viewer, given.command()),
        payloads.studio,
    )
    force_stop_studio: StudioResult = mutation(
        "Get a Studio out of a start or a stop that lasts too long. What was not saved is lost; the newest checkpoint stays.",
        Permission.STUDIO_STOP,
        StudioActionInput,
        lambda services, viewer, given: services.studios.force_stop(viewer, given.command()),
        payloads.studio,
    )
    retry_build: StudioResult = mutation(
        "Build the image of a Studio again whose build failed, and start it. While it builds, nothing changes.",
        Permission.STUDIO_START,
        StudioActionInput,
        lambda services, viewer, given: services.studios.retry_build(viewer, given.command()),
        payloads.studio,
    )
    update_studio: StudioResult = mutation(
        "Edit a Studio that has ended.",
        Permission.STUDIO_EDIT,
        UpdateStudioInput,
        lambda services, viewer, given: services.studios.update(viewer, given.command()),
        payloads.studio,
    )
    delete_studio: DeleteStudioResult = mutation(
        "Delete a Studio that has ended, at once and for ever. Checkpoints that others need stay.",
        Permission.STUDIO_DELETE,
        StudioActionInput,
        lambda services, viewer, given: services.studios.delete(viewer, given.command()),
        payloads.deleted_studio,
    )
    connect_studio: ConnectStudioResult = mutation(
        "An address that lets the viewer into the running session, once, within 60 seconds.",
        Permission.STUDIO_CONNECT,
        StudioActionInput,
        lambda services, viewer, given: services.connect_codes.issue(viewer, given.command().studio_id),
        payloads.connection,
    )
    star_studio: StudioResult = mutation(
        "Mark a Studio with the viewer's star.",
        Permission.STUDIO_STAR,
        StudioActionInput,
        lambda services, viewer, given: services.studios.star(viewer, given.command()),
        payloads.studio,
    )
    unstar_studio: StudioResult = mutation(
        "Take the viewer's star from a Studio.",
        Permission.STUDIO_STAR,
        StudioActionInput,
        lambda services, viewer, given: services.studios.unstar(viewer, given.command()),
        payloads.studio,
    )
    rename_checkpoint: CheckpointResult = mutation(
        "Give a checkpoint another name.",
        Permission.CHECKPOINT_EDIT,
        RenameCheckpointInput,
        lambda services, viewer, given: services.checkpoints.rename(viewer, given.command()),
        payloads.checkpoint,
    )
