"""What the resolvers of one operation share."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from resolvers.batches import Batches
from resolvers.rights import Rights, rights_of
from services.domain.access import Viewer

if TYPE_CHECKING:
    from services.services import Services


@dataclass(frozen=True, slots=True)
class Context:
    """One operation, or one event of a subscription: batches of its own, so that nothing it loads is older than itself."""

    viewer: Viewer
    services: "Services"
    batches: Batches
    rights: Rights


def make_context(services: "Services", viewer: Viewer) -> Context:
    """A fresh context; call it for each operation and for each event."""
    return Context(viewer, services, Batches(services.database, viewer), rights_of(viewer))
