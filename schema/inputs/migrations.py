"""The inputs of `migrateStudio` and `discardMigration`, and the arguments of `migrationPlan`."""

from dataclasses import replace

import strawberry

from schema.inputs.fields import decode, idempotency_key
from schema.inputs.studios import NAME, STUDIO_ID
from services.studios.requests import DiscardMigrationRequest, MigrateStudioRequest

ORIGINAL = "The id of the Studio to migrate. It is not changed, and may be running."
CHECKPOINT = (
    "The id of the checkpoint to start from: one that the Studio saved or inherited. If omitted or null, its latest one that nothing "
    "is being saved to."
)
TEMPLATE = (
    "The id of a newer template of the same tool. If omitted or null, the newest RECOMMENDED one of the workspace is used. Another tool, "
    "or a release that is not newer, is an InvalidInputError with the problem OTHER_TOOL or NOT_NEWER."
)
ACCEPT_EXPERIMENTAL = "Whether `templateId` may be EXPERIMENTAL. The default is false."


def migration_request(
    studio_id: str, checkpoint_id: str | None, template_id: str | None, *, accept_experimental: bool
) -> MigrateStudioRequest:
    """Returns the request with the row ids of the global ones. Raises NotFound."""
    return MigrateStudioRequest(
        decode(strawberry.ID(studio_id), "Studio", "studio_id"),
        decode(strawberry.ID(checkpoint_id), "Checkpoint", "checkpoint_id") if checkpoint_id is not None else None,
        decode(strawberry.ID(template_id), "Template", "template_id") if template_id is not None else None,
        accept_experimental=accept_experimental,
    )


@strawberry.input(description="The input of `migrateStudio`.")
class MigrateStudioInput:
    """B74."""

    studio_id: strawberry.ID = strawberry.field(description=ORIGINAL)
    checkpoint_id: strawberry.ID | None = strawberry.field(default=None, description=CHECKPOINT)
    template_id: strawberry.ID | None = strawberry.field(default=None, description=TEMPLATE)
    name: str | None = strawberry.field(
        default=None, description=f"{NAME} If omitted or null: the name of the original and the version of the new template."
    )
    accept_experimental: bool = strawberry.field(default=False, description=ACCEPT_EXPERIMENTAL)
    idempotency_key: str | None = idempotency_key()

    def request(self) -> MigrateStudioRequest:
        request = migration_request(self.studio_id, self.checkpoint_id, self.template_id, accept_experimental=self.accept_experimental)
        return replace(request, name=self.name, idempotency_key=self.idempotency_key)


@strawberry.input(description="The input of `discardMigration`.")
class DiscardMigrationInput:
    """B75."""

    studio_id: strawberry.ID = strawberry.field(description=f"{STUDIO_ID} A migration must have made it; the original is not changed.")
    idempotency_key: str | None = idempotency_key()

    def request(self) -> DiscardMigrationRequest:
        return DiscardMigrationRequest(decode(self.studio_id, "Studio", "studio_id"), self.idempotency_key)
