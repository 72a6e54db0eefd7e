"""The mutations of Studios and their checkpoints."""

import strawberry

from resolvers import payloads
from schema.inputs.clones import CloneStudioInput
from schema.inputs.field_paths import path_below_from, path_below_overrides
from schema.inputs.migrations import DiscardMigrationInput, MigrateStudioInput
from schema.inputs.studios import (
    CheckpointNowInput,
    CreateStudioInput,
    DeleteCheckpointInput,
    RenameCheckpointInput,
    SetLabelsInput,
    StartStudioInput,
    StopStudioInput,
    StudioActionInput,
    UpdateStudioInput,
)
from schema.mutations.command import mutation
from schema.results import (
    CheckpointResult,
    ConnectStudioResult,
    DeleteCheckpointResult,
    DeleteStudioResult,
    DiscardMigrationResult,
    StudioResult,
)
from services.domain.access import Permission


@strawberry.type
class StudioMutations:
    """Each is one command of `services.studios`, or of `services.connections.connect_codes`."""

    create_studio: StudioResult = mutation(
        "Creates a Studio, and starts it unless `autoStart` is false.",
        Permission.STUDIO_CREATE,
        CreateStudioInput,
        lambda services: services.studios.create,
        payloads.studio,
    )
    clone_studio: StudioResult = mutation(
        "Creates a Studio that begins with the files of another one, and starts it unless `autoStart` is false. The source is not changed.",
        Permission.STUDIO_CLONE,
        CloneStudioInput,
        lambda services: services.studios.clone,
        payloads.studio,
        path=path_below_from,
    )
    migrate_studio: StudioResult = mutation(
        "Creates a Studio that begins with the files of another one over a newer template of the same tool, and starts it. The original is "
        "not changed. `Studio.migrationAttempts` tells what was found to be wrong; a migration is best effort.",
        Permission.STUDIO_CLONE,
        MigrateStudioInput,
        lambda services: services.studios.migrate,
        payloads.studio,
    )
    discard_migration: DiscardMigrationResult = mutation(
        "Deletes the Studio that a migration made, and ends its first session without saving it. A later session must be stopped before. "
        "This cannot be undone. The attempt and its issues stay.",
        Permission.STUDIO_DELETE,
        DiscardMigrationInput,
        lambda services: services.studios.discard_migration,
        payloads.deleted_studio,
    )
    start_studio: StudioResult = mutation(
        "Starts a session of a Studio that is STOPPED, ERRORED or BUILD_FAILED. While it is BUILDING, STARTING or RUNNING, the call "
        "succeeds and changes nothing; while it is STOPPING, the result is a ConflictError.",
        Permission.STUDIO_START,
        StartStudioInput,
        lambda services: services.studios.start,
        payloads.studio,
        path=path_below_overrides,
    )
    stop_studio: StudioResult = mutation(
        "Stops a Studio that is RUNNING, saves its files as a checkpoint and frees its resources; or cancels a build. Not possible while "
        "it is STARTING. In every other status the call succeeds and changes nothing.",
        Permission.STUDIO_STOP,
        StopStudioInput,
        lambda services: services.studios.stop,
        payloads.studio,
    )
    force_stop_studio: StudioResult = mutation(
        "Ends a start or a stop that takes too long; `Studio.availableActions` says from when on. Files that were not saved are lost; the "
        "newest checkpoint stays. If the Studio has ended, the call changes nothing.",
        Permission.STUDIO_STOP,
        StudioActionInput,
        lambda services: services.studios.force_stop,
        payloads.studio,
    )
    retry_build: StudioResult = mutation(
        "Builds the image again for a Studio that is BUILD_FAILED, and starts the Studio afterwards. While it is BUILDING, the call "
        "succeeds and changes nothing.",
        Permission.STUDIO_START,
        StudioActionInput,
        lambda services: services.studios.retry_build,
        payloads.studio,
    )
    update_studio: StudioResult = mutation(
        "Changes the name, description or configuration of a Studio that is STOPPED, ERRORED or BUILD_FAILED.",
        Permission.STUDIO_EDIT,
        UpdateStudioInput,
        lambda services: services.studios.update,
        payloads.studio,
    )
    set_labels: StudioResult = mutation(
        "Gives a Studio these labels in place of all that it has, in every status.",
        Permission.STUDIO_EDIT,
        SetLabelsInput,
        lambda services: services.studios.set_labels,
        payloads.studio,
    )
    delete_studio: DeleteStudioResult = mutation(
        "Deletes a Studio that is STOPPED, ERRORED or BUILD_FAILED. This cannot be undone. The data of its checkpoints is deleted too, "
        "unless another Studio needs it.",
        Permission.STUDIO_DELETE,
        StudioActionInput,
        lambda services: services.studios.delete,
        payloads.deleted_studio,
    )
    connect_studio: ConnectStudioResult = mutation(
        "Creates a URL that opens the running session of a Studio for the viewer. It works once, within 60 seconds.",
        Permission.STUDIO_CONNECT,
        StudioActionInput,
        lambda services: lambda viewer, request: services.connect_codes.issue(viewer, request.studio_id),
        payloads.connection,
    )
    star_studio: StudioResult = mutation(
        "Marks a Studio with a star that only the viewer sees.",
        Permission.STUDIO_STAR,
        StudioActionInput,
        lambda services: services.studios.star,
        payloads.studio,
    )
    unstar_studio: StudioResult = mutation(
        "Removes the star of the viewer from a Studio.",
        Permission.STUDIO_STAR,
        StudioActionInput,
        lambda services: services.studios.unstar,
        payloads.studio,
    )
    checkpoint_now: CheckpointResult = mutation(
        "Saves the running session of a Studio as a further checkpoint, without stopping it. Its processes pause while its files are read. "
        "Repeated while it saves, the call returns the same checkpoint.",
        Permission.CHECKPOINT_EDIT,
        CheckpointNowInput,
        lambda services: services.checkpoints.save_now,
        payloads.checkpoint,
    )
    delete_checkpoint: DeleteCheckpointResult = mutation(
        "Deletes the data of a checkpoint, unless something needs it. This cannot be undone. The checkpoint stays visible where others "
        "refer to it. If it was deleted already, the call changes nothing.",
        Permission.CHECKPOINT_EDIT,
        DeleteCheckpointInput,
        lambda services: services.checkpoints.delete,
        payloads.checkpoint,
    )
    rename_checkpoint: CheckpointResult = mutation(
        "Changes the name of a checkpoint.",
        Permission.CHECKPOINT_EDIT,
        RenameCheckpointInput,
        lambda services: services.checkpoints.rename,
        payloads.checkpoint,
    )
