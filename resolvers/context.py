"""Holds what the resolvers of one operation share."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from resolvers.batches import Batches
from resolvers.rights import Rights, rights_of
from services.domain.access import Viewer

if TYPE_CHECKING:
    from services.services import Services


@dataclass(frozen=True, slots=True)
class Context:
    """The context of one operation or of one event of a subscription. Its batches are its own, so that nothing it loads is older."""

    viewer: Viewer
    services: "Services"
    batches: Batches
    rights: Rights


def make_context(services: "Services", viewer: Viewer) -> Context:
    """Returns a new context. Each operation and each event of a subscription needs its own."""
    return Context(viewer, services, Batches(services.database, viewer), rights_of(viewer))
