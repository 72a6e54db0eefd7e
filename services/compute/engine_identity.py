"""Compares the engine or data directory that a `Compute` reaches with the one that the compute environment's row names."""

from services.compute.protocol import Compute, UnidentifiedEngine
from services.domain.compute_kinds import spec_of
from services.store.compute_environments import EnvironmentState


async def require_recorded_engine(engine: Compute, environment: EnvironmentState) -> None:
    """Does nothing where no engine is recorded yet. Raises UnidentifiedEngine, and ComputeUnknown where it does not answer."""
    if environment.engine_id is None:
        return
    reached = await engine.engine_id()
    if reached != environment.engine_id:
        raise UnidentifiedEngine(_mismatch(environment, reached))


def _mismatch(environment: EnvironmentState, reached: str | None) -> str:
    noun = spec_of(environment.kind).engine_noun
    state = f"has the id {reached}" if reached else "has no id"
    return (
        f"this server reaches another {noun} than the one that holds the sessions and checkpoints of {environment.name}: it {state}, not "
        f"{environment.engine_id}. Nothing is concluded from its answers. If it was replaced on purpose, run `studiograph compute adopt`"
    )
