"""The operator's commands that add and change compute environments, for the command line, server start and the demo."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.commands import CommandRunner
from services.compute.protocol import Report
from services.domain.access import Operator, OperatorPermission
from services.domain.compute_kinds import spec_of
from services.domain.errors import Conflict, NotFound, StillNeeded
from services.domain.names import name_key
from services.domain.problems import check_name, invalid
from services.domain.statuses import ComputeKind
from services.store import compute_environments as store
from services.store import dependents, people
from services.store.compute_environments import EnvironmentState
from services.store.db.database import Transaction

MANAGE = OperatorPermission.COMPUTE_ENVIRONMENT_MANAGE


@dataclass(frozen=True, slots=True)
class NewComputeEnvironment:
    """A compute environment to be added. `settings` belong to the kind: `url` of the Docker Engine."""

    name: str
    kind: ComputeKind
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ComputeEnvironments:
    """Adds, changes and removes compute environments, and records their capacity. Each method may raise Forbidden."""

    runner: CommandRunner

    async def ensure(self, operator: Operator, workspace_id: str, environment: NewComputeEnvironment) -> tuple[str, bool]:
        """Returns the id of the workspace's compute environment of that name, and whether it was added now.

        A new one has no capacity until `record_capacity`. An existing one is not changed.
        """

        async def body(transaction: Transaction) -> tuple[str, bool]:
            return await _ensure(transaction, workspace_id, environment)

        return await self.runner.run_for_operator(operator, MANAGE, workspace_id, body)

    async def add(self, operator: Operator, workspace_id: str, environment: NewComputeEnvironment) -> tuple[str, bool]:
        """Does the same as `ensure`, but raises Conflict if an existing environment has another kind or settings. Raises InvalidInput."""

        async def body(transaction: Transaction) -> tuple[str, bool]:
            environment_id, is_new = await _ensure(transaction, workspace_id, environment)
            row = await store.find(transaction, environment_id)
            if row is not None and (row.kind, row.settings) != (environment.kind, dict(environment.settings)):
                other = f"{row.kind} {row.settings.get('url', '')}".strip()
                raise Conflict(
                    f"There is a compute environment {row.name} already, and it is another one: {other}. Give this one another name."
                )
            return environment_id, is_new

        check_name(environment.name)
        return await self.runner.run_for_operator(operator, MANAGE, workspace_id, body)

    async def find(self, workspace_id: str, name: str) -> EnvironmentState:
        """Returns the workspace's compute environment of that name. Raises NotFound."""
        async with self.runner.database.read() as reader:
            environment_id = await store.id_of(reader, workspace_id, name)
            environment = await store.find(reader, environment_id) if environment_id else None
        if environment is None:
            raise NotFound(f"There is no compute environment {name} in this workspace.")
        return environment

    async def of_workspace(self, workspace_id: str) -> list[EnvironmentState]:
        """Returns the compute environments of a workspace by name."""
        async with self.runner.database.read() as reader:
            return await store.of_workspace(reader, workspace_id)

    async def edit(self, operator: Operator, environment: EnvironmentState, *, name: str | None = None, url: str | None = None) -> None:
        """Changes the name, and the URL of the engine ("" = the installation's).

        Raises InvalidInput, and Conflict for a name that is taken.
        """

        async def body(transaction: Transaction) -> None:
            values: dict[str, Any] = {}
            if name is not None:
                if await store.name_taken(transaction, environment, name_key(name)):
                    raise Conflict(f"There is a compute environment {name.strip()} already in this workspace.", field=("name",))
                values |= {"name": name.strip(), "name_key": name_key(name)}
            if url is not None:
                values["settings"] = {"url": url} if url else {}
            if values:
                await store.change(transaction, environment.id, **values)

        if name is not None:
            check_name(name)
        if url is not None and environment.kind != ComputeKind.DOCKER:
            raise invalid("url", "NOT_APPLICABLE", f"A compute environment of the kind {environment.kind} has no URL.")
        await self.runner.run_for_operator(operator, MANAGE, environment.workspace_id, body)

    async def switch(self, operator: Operator, environment: EnvironmentState, *, enabled: bool) -> None:
        """Enables or disables one compute environment. Sessions that run there continue.

        Raises Conflict where sessions would run as the server's own user, and there are several users (ADR 5).
        """

        async def body(transaction: Transaction) -> None:
            if enabled and spec_of(ComputeKind(environment.kind)).runs_as_server_user and await people.several_users(transaction):
                raise Conflict(
                    f"Sessions of {environment.name} run as the server's own user, so that it can be enabled for one person only. "
                    "This installation has several users."
                )
            await store.change(transaction, environment.id, enabled=enabled)

        await self.runner.run_for_operator(operator, MANAGE, environment.workspace_id, body)

    async def remove(self, operator: Operator, environment: EnvironmentState) -> None:
        """Removes a compute environment that nothing needs. Raises StillNeeded, which names the Studios and checkpoints that do."""

        async def body(transaction: Transaction) -> None:
            needed_by = await dependents.of_compute_environment(transaction, environment.id)
            if needed_by:
                raise StillNeeded(f"The compute environment {environment.name}", needed_by)
            await store.remove(transaction, environment.id)

        await self.runner.run_for_operator(operator, MANAGE, environment.workspace_id, body)

    async def adopt_engine(self, operator: Operator, environment: EnvironmentState, engine_id: str) -> None:
        """Records that the compute environment's sessions and checkpoints are on this engine from now on: what it lacks is lost."""

        async def body(transaction: Transaction) -> None:
            await store.change(transaction, environment.id, engine_id=engine_id)

        await self.runner.run_for_operator(operator, MANAGE, environment.workspace_id, body)

    async def set_enabled(self, operator: Operator, kind: ComputeKind, *, enabled: bool) -> None:
        """Enables or disables all compute environments of a kind, in every workspace. Disabled ones are not offered."""

        async def body(transaction: Transaction) -> None:
            await store.set_enabled(transaction, kind.value, enabled=enabled)

        await self.runner.run_for_operator(operator, MANAGE, None, body)

    async def record_capacity(self, operator: Operator, environment_id: str, report: Report) -> None:
        """Records the capacity that a check of the compute environment reported."""

        async def body(transaction: Transaction) -> None:
            await store.change(transaction, environment_id, cpu=report.cpu, memory_mib=report.memory_mib, gpu=report.gpu)

        await self.runner.run_for_operator(operator, MANAGE, None, body)


async def _ensure(transaction: Transaction, workspace_id: str, environment: NewComputeEnvironment) -> tuple[str, bool]:
    environment_id = await store.id_of(transaction, workspace_id, environment.name)
    if environment_id is not None:
        return environment_id, False
    values: dict[str, Any] = {
        "kind": environment.kind.value,
        "settings": dict(environment.settings),
        "enabled": True,
        "reachable": True,
        "cpu": 0,
        "memory_mib": 0,
        "gpu": 0,
        "environment": [],
    }
    return await store.insert_environment(transaction, workspace_id, environment.name, values), True
