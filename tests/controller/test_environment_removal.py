"""A compute environment is removed while sessions run there: nothing hinders it, nothing is lost, and users are told why."""

import pytest

from services.commands import CommandRunner
from services.compute_environments.commands import ComputeEnvironments
from services.domain.access import Operator
from services.domain.errors import Forbidden, InvalidInput
from services.domain.time_policy import TimePolicy
from services.store.tables import core
from services.studios.environment_removal import EnvironmentRemoval
from services.studios.requests import StartStudioRequest
from tests.controller.harness import ControllerHarness


@pytest.mark.behaviour("B56", "B57")
async def test_running_sessions_are_saved_and_their_users_are_told(harness: ControllerHarness) -> None:
    running, stopped = await harness.add(), await harness.add(name="Umbrella", auto_start=False)
    await harness.status(running, "RUNNING")
    runner = CommandRunner(harness.database)
    removal = EnvironmentRemoval(runner, TimePolicy())
    environment = await ComputeEnvironments(runner).find(harness.world.workspace_id, "Here")
    with pytest.raises(Forbidden):
        await removal.stop_sessions(Operator(frozenset()), environment)
    assert await removal.stop_sessions(Operator(), environment) == ["Cells"]
    row = await harness.status(running, "STOPPED")
    assert row["stop_reason"] == "COMPUTE_ENV_DELETED"
    assert row["status_message"] == "The compute environment Here is being removed. The files of the session are saved."
    assert [checkpoint["status"] for checkpoint in await harness.rows(core.checkpoint)] == ["FINALIZED"]
    [payload] = [event["payload"] for event in await harness.rows(core.event) if event["kind"] == "connection.error"]
    assert (payload["code"], payload["retryable"]) == ("COMPUTE_ENV_DELETED", False)
    for studio in (running, stopped):
        with pytest.raises(InvalidInput, match="is disabled"):
            await harness.studios.start(harness.world.viewer, StartStudioRequest(studio))
    assert await removal.stop_sessions(Operator(), environment) == []
