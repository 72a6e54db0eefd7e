"""Ends the sessions of a compute environment that the operator removes (B56, B57)."""

from dataclasses import dataclass

from services.commands import CommandRunner
from services.domain.access import Operator, OperatorPermission
from services.domain.lifecycle import Trigger
from services.domain.time_policy import TimePolicy
from services.store import compute_environments, studios
from services.store.compute_environments import EnvironmentState
from services.store.db.database import Transaction
from services.studios.stop import StopStudio


@dataclass(frozen=True, slots=True)
class EnvironmentRemoval:
    """The first part of a removal: the environment itself can be removed once nothing needs it."""

    runner: CommandRunner
    policy: TimePolicy

    async def stop_sessions(self, operator: Operator, environment: EnvironmentState) -> list[str]:
        """Disables the environment, and begins to stop and save what runs there. Returns the names of these Studios.

        Connections do not hinder it: connected users get the connection error COMPUTE_ENV_DELETED. Raises Forbidden.
        """

        async def body(transaction: Transaction) -> list[str]:
            await compute_environments.change(transaction, environment.id, enabled=False)
            return [
                await self._stop(transaction, operator, environment, studio_id)
                for studio_id in await studios.running_in(transaction, environment.id)
            ]

        return await self.runner.run_for_operator(operator, OperatorPermission.COMPUTE_ENVIRONMENT_MANAGE, environment.workspace_id, body)

    async def _stop(self, transaction: Transaction, operator: Operator, environment: EnvironmentState, studio_id: str) -> str:
        studio = await studios.find_locked(transaction, studio_id)
        assert studio is not None  # the lock of the workspace's stream is held
        message = f"The compute environment {environment.name} is being removed. The files of the session are saved."
        await StopStudio(self.policy).begin(transaction, studio, Trigger.COMPUTE_ENV_DELETED, operator.actor, message)
        return studio.name
