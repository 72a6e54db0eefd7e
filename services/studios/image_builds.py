"""Queues the build of an image that a start must wait for, and cancels builds that nobody waits for (B8, B84)."""

from dataclasses import dataclass
from typing import Any

from services.domain.actor import Actor
from services.domain.compute_kinds import spec_of
from services.domain.statuses import BuildState
from services.domain.time_policy import TimePolicy
from services.store import builds, outputs
from services.store.builds import Build
from services.store.compute_environments import EnvironmentState
from services.store.db.database import Transaction
from services.store.templates import TemplateState


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """An image that is built where it runs. `recipe` is what it is built from, as the row of its build has it."""

    reference: str
    recipe: dict[str, Any]

    @classmethod
    def of_template(cls, template: TemplateState) -> "BuiltImage | None":
        """Returns the image of a template; None if that is not built here."""
        return cls(template.image, {"directory": template.recipe}) if template.recipe is not None else None


@dataclass(frozen=True, slots=True)
class ImageBuilds:
    """Queues builds of images in the compute environments where they run."""

    policy: TimePolicy

    async def ensure(self, transaction: Transaction, actor: Actor, image: BuiltImage | None, environment: EnvironmentState) -> Build | None:
        """Returns the build that a start must wait for, and queues one if needed; None if the image exists or is not built here."""
        if image is None or not spec_of(environment.kind).builds_images:
            return None
        latest = await builds.latest(transaction, environment.id, image.reference)
        if latest is not None and latest.state == BuildState.SUCCEEDED.value:
            return None
        return latest if latest is not None and latest.is_open else await self._queue(transaction, actor, image, environment)

    async def _queue(self, transaction: Transaction, actor: Actor, image: BuiltImage, environment: EnvironmentState) -> Build:
        values = {
            "workspace_id": environment.workspace_id,
            "compute_environment_id": environment.id,
            "reference": image.reference,
            "recipe": image.recipe,
            "actor": actor.to_json(),
            "deadline": transaction.now + self.policy.build_deadline,
        }
        build = await builds.find(transaction, await builds.add(transaction, values))
        assert build is not None
        return build


async def release(transaction: Transaction, build_id: str | None, message: str) -> None:
    """Cancels a build that a Studio waited for, unless another Studio waits for it."""
    if build_id is not None and not await builds.is_awaited(transaction, build_id):
        await builds.cancel(transaction, build_id, message)
        await outputs.close(transaction, build_id)
