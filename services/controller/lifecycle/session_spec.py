"""Builds the specification of a session: image, resources, environment variables and the checkpoint it starts from."""

from services.compute.protocol import CheckpointMissing, ComputeFailed, ImageSpec, SessionSpec
from services.controller import rebasing
from services.controller.flattening import flatten
from services.controller.lifecycle.claimed_studio import ClaimedStudio
from services.secrets.env_vars import open_env_vars
from services.secrets.secret_box import CannotOpen
from services.store import checkpoints
from services.store.checkpoints import CheckpointState
from services.store.compute_environments import EnvironmentState
from services.store.templates import TemplateState
from services.studios.progress import Step

MAX_LAYERS = 90
"""A start merges more layers of sessions than that: an engine takes about 125, and the template has some."""


async def session_spec(claim: ClaimedStudio, image: ImageSpec, template: TemplateState, environment: EnvironmentState) -> SessionSpec:
    """Returns the specification of the claimed Studio's session. Raises CheckpointMissing, and ComputeFailed for lost secrets."""
    base = await _base_checkpoint(claim)
    if base is not None and base.awaits_files:
        await claim.report_step(Step.SESSION, "Putting the files over the new template")
        base = await rebasing.rebase(claim, base, image)
    if base is not None and base.layers > MAX_LAYERS:
        await claim.report_step(Step.SESSION, "Merging the layers of the checkpoint")
        base = await flatten(claim.services.database, await claim.compute(), base)
    configuration = claim.session.configuration
    return SessionSpec(
        name=claim.name,
        image=image,
        port=template.port,
        ready_path=template.ready_path,
        cpu=configuration["cpu"],
        memory_mib=configuration["memory_mib"],
        gpu=configuration["gpu"],
        env_vars=_env_vars(claim, environment),
        base=base.reference if base else None,
        base_digest=base.digest if base else None,
    )


async def _base_checkpoint(claim: ClaimedStudio) -> CheckpointState | None:
    if claim.session.base_checkpoint_id is None:
        return None
    async with claim.services.database.read() as reader:
        base = await checkpoints.find(reader, claim.session.base_checkpoint_id)
    has_data = base is not None and (base.reference is not None or base.awaits_files)
    if base is None or base.deleted_at is not None or not has_data:
        raise CheckpointMissing("The checkpoint from which the session starts was deleted.")
    return base


def _env_vars(claim: ClaimedStudio, environment: EnvironmentState) -> dict[str, str]:
    try:
        return open_env_vars(environment.environment, claim.session.configuration["environment"], seal=claim.services.seal)
    except CannotOpen as error:
        raise ComputeFailed(
            "The secret variables were encrypted with a key that this server does not have. Set their values again, then start the Studio."
        ) from error
