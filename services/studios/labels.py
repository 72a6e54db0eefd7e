"""Gives a Studio its labels, in every status: sessions do not know them (B86)."""

from services.domain.access import Permission, Viewer
from services.domain.event_payloads import StudioEdited
from services.domain.labels import check_labels
from services.domain.problems import Problems
from services.store import labels, outbox, studios
from services.store.db.database import Transaction
from services.studios import rights
from services.studios.requests import SetLabelsRequest, StudioOutcome


async def set_labels(transaction: Transaction, viewer: Viewer, request: SetLabelsRequest) -> StudioOutcome:
    """Replaces all labels; the same ones change nothing. Raises NotFound, Forbidden, StaleRevision, InvalidInput."""
    studio = await rights.studio_for(transaction, viewer, request.studio_id, Permission.STUDIO_EDIT)
    rights.check_revision(studio, request.expected_revision)
    problems = Problems()
    check_labels(problems, request.labels)
    problems.raise_any()
    if sorted(request.labels) != await labels.of_studio(transaction, studio.id):
        await labels.replace(transaction, studio.id, request.labels)
        await studios.change(transaction, studio.id, revision=studio.revision + 1)
        payload = StudioEdited(studio.revision + 1, ("labels",))
        await outbox.append(transaction, studio.workspace_id, [payload.event(viewer.actor, studio.id, studio.name)])
    return StudioOutcome(studio.id)
