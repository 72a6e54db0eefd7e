"""Defines what root fields receive as their source: the parts of the executor that they need."""

from dataclasses import dataclass

from resolvers.shielded_tasks import ShieldedTasks
from schema.limits import Limits


@dataclass(frozen=True, slots=True)
class RootValue:
    """The limits in force, and the owner of the commands of mutations."""

    limits: Limits
    commands: ShieldedTasks
