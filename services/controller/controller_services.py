"""The services that all parts of the controller use."""

from dataclasses import dataclass, field

from services.compute.registry import Computes
from services.controller.write_slots import WriteSlots
from services.domain.time_policy import TimePolicy
from services.secrets.env_vars import Seal
from services.store.db.database import Database


@dataclass(frozen=True, slots=True)
class ControllerServices:
    """The database, compute environments, policy and secrets' seal that every part of the controller works with."""

    database: Database
    computes: Computes
    policy: TimePolicy
    seal: Seal
    installation: str
    write_slots: WriteSlots = field(default_factory=WriteSlots)
