"""Starts that meet bugs in the server, calls that hang, and tools that print secrets."""

import asyncio
from base64 import b64encode
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from services.compute.protocol import ComputeFailed, Observation, Presence
from services.controller import controller
from services.controller.lifecycle import claimed_studio
from services.domain.time_policy import TimePolicy
from services.secrets import masking
from services.store import cleanup_tasks
from services.store.tables import core
from services.studios.requests import Configuration, EnvVar, StartStudioRequest, StopStudioRequest
from tests.controller.harness import ControllerHarness, mark_all_due, message_contains, no_cleanup_left
from tests.waiting import WAIT_LIMIT_S

SHORT = TimePolicy(start_deadline=timedelta(seconds=0.4), observe_interval=timedelta(seconds=5))


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controller, "BUG_BACKOFF_S", 0.1)


@pytest.mark.behaviour("B7")
@pytest.mark.parametrize("policy", [SHORT], ids=["short deadline"])
async def test_a_start_that_meets_a_bug_fails_at_its_deadline(harness: ControllerHarness) -> None:
    harness.compute.broken["session"] = KeyError("a bug")
    studio = await harness.add()
    row = await harness.status(studio, "ERRORED")
    assert (row["stop_reason"], "a bug" in row["status_message"]) == ("START_TIMEOUT", False)
    await harness.until(lambda: no_cleanup_left(harness))


@pytest.mark.behaviour("B5", "B7")
@pytest.mark.parametrize("policy", [SHORT], ids=["short deadline"])
async def test_what_the_engine_finishes_after_a_start_was_given_up_is_removed(
    harness: ControllerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine goes on with a create whose caller went away."""
    monkeypatch.setattr(cleanup_tasks, "FIRST_LATE_LOOK", timedelta(milliseconds=50))
    harness.compute.hold["session"] = asyncio.Event()
    studio = await harness.add()
    await harness.status(studio, "ERRORED")
    await harness.until(lambda: no_cleanup_left(harness))
    name = str(await harness.name(studio))
    harness.compute.observations[name] = Observation(Presence.CREATED)
    async with asyncio.timeout(WAIT_LIMIT_S):
        while name in harness.compute.observations:
            harness.compute.called.clear()
            await harness.compute.called.wait()


async def test_a_call_that_times_out_is_not_the_deadline(harness: ControllerHarness) -> None:
    harness.compute.broken["session"] = TimeoutError()
    studio = await harness.add()
    await harness.called("session", 2)
    assert (await harness.row(studio))["status"] == "STARTING"
    harness.compute.broken.clear()
    await harness.status(studio, "RUNNING")


async def test_an_engine_that_hangs_counts_as_not_answering(harness: ControllerHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    studio = await harness.add()
    await harness.status(studio, "RUNNING")
    monkeypatch.setattr(claimed_studio, "OBSERVE_TIMEOUT_S", 0.1)
    harness.compute.hold["observe"] = asyncio.Event()
    await mark_all_due(harness)
    await harness.until(lambda: message_contains(harness, studio, "did not answer within"))
    assert (await harness.row(studio))["status"] == "RUNNING"


@pytest.mark.behaviour("B5")
async def test_a_former_session_is_not_forgotten_when_its_removal_fails_after_its_save(harness: ControllerHarness) -> None:
    studio = await harness.add()
    await harness.status(studio, "RUNNING")
    harness.compute.refuse_save = "The disk is full."
    await harness.studios.stop(harness.world.viewer, StopStudioRequest(studio))
    await harness.status(studio, "ERRORED")
    harness.compute.refuse_save, harness.compute.refuse_removal = None, True
    await harness.studios.start(harness.world.viewer, StartStudioRequest(studio))
    await harness.until(lambda: message_contains(harness, studio, "it cannot be removed"))
    await harness.crash()
    harness.compute.refuse_removal = False
    await harness.start()
    await harness.status(studio, "RUNNING")
    await harness.until(lambda: no_cleanup_left(harness))
    assert list(harness.compute.observations) == [str(await harness.name(studio))]


@pytest.mark.behaviour("B8")
async def test_a_former_session_whose_end_failed_is_ended_before_it_is_saved(harness: ControllerHarness) -> None:
    studio = await harness.add()
    await harness.status(studio, "RUNNING")
    harness.compute.broken["stop"] = ComputeFailed("It does not end.")
    await harness.studios.stop(harness.world.viewer, StopStudioRequest(studio))
    await harness.status(studio, "ERRORED")
    harness.compute.broken.clear()
    harness.compute.calls.clear()
    await harness.studios.start(harness.world.viewer, StartStudioRequest(studio))
    await harness.status(studio, "RUNNING")
    assert [call for call in harness.compute.calls if call in ("stop", "save")] == ["stop", "save"]


async def failed_start(harness: ControllerHarness, printed: bytes, **values: Any) -> str:
    """The message of a start whose tool ends after it printed this."""
    harness.compute.printed, harness.compute.answers = printed, False
    studio = await harness.add(**values)
    await harness.called("probe")
    harness.compute.end(await harness.name(studio), 1)
    message: str = (await harness.status(studio, "ERRORED"))["status_message"]
    return message


async def test_the_message_of_a_failed_start_holds_no_character_that_a_database_refuses(harness: ControllerHarness) -> None:
    message = await failed_start(harness, b"\x1b[31mbroken\x1b[0m \0\xff pipe\r\n")
    assert message.endswith("Its last output:\nbroken \ufffd\ufffd pipe")


@pytest.mark.behaviour("B16")
async def test_no_secret_shows_in_the_last_output_of_a_failed_start(harness: ControllerHarness) -> None:
    shared, key, long = "of-the-environment", "-----BEGIN KEY-----\nMIIEow\n-----END KEY-----", "begin" + "x" * 1000 + "end"
    sealed = {"key": "SHARED", "value": harness.services.seal.seal(shared), "secret": True}
    async with harness.database.write() as transaction:
        await transaction.execute(update(core.compute_environment).values(environment=[sealed]))
    variables = (EnvVar("KEY", key, secret=True), EnvVar("LONG", long, secret=True))
    printed = [f"{long} {'.' * 700}", shared, b64encode(shared.encode()).decode(), key.replace("\n", "\r\n"), "the end"]
    message = await failed_start(harness, "\n".join(printed).encode(), configuration=Configuration(env_vars=variables))
    assert "the end" in message
    events = str([event["payload"] for event in await harness.rows(core.event)])
    for text in (message, events):
        assert not [secret for secret in ("of-the", "MIIE", "xxx", b64encode(shared.encode()).decode()[:-2]) if secret in text]


def test_a_secret_that_is_cut_by_the_beginning_of_a_page_does_not_show() -> None:
    assert masking.masked("cret and secret.", masking.forms(["secret"]), 6) == "nd …."
    assert masking.masked("a secret", masking.forms(["secret"]), 4) == "…"


@pytest.mark.behaviour("B7")
async def test_a_start_that_waits_for_a_removal_waits_until_its_deadline(harness: ControllerHarness) -> None:
    studio = await harness.add()
    await harness.status(studio, "RUNNING")
    harness.compute.refuse_removal = True
    await harness.studios.stop(harness.world.viewer, StopStudioRequest(studio))
    await harness.status(studio, "STOPPED")
    await harness.studios.start(harness.world.viewer, StartStudioRequest(studio))
    await harness.until(lambda: message_contains(harness, studio, "it cannot be removed"))
    async with harness.database.write() as transaction:
        await transaction.execute(update(core.studio).values(deadline=transaction.now, due_at=transaction.now))
        transaction.wake("studio", studio)
    row = await harness.status(studio, "ERRORED")
    assert row["stop_reason"] == "START_TIMEOUT"
    assert "it cannot be removed" in row["status_message"]


async def test_the_message_that_the_engine_does_not_answer_goes_once_it_answers(harness: ControllerHarness) -> None:
    harness.compute.silent = True
    studio = await harness.add()
    await harness.until(lambda: message_contains(harness, studio, "Waiting"))
    harness.compute.silent, harness.compute.answers = False, False
    await harness.until(lambda: message_contains(harness, studio, "Starting."))
    assert (await harness.row(studio))["status"] == "STARTING"


@pytest.mark.behaviour("B8", "B12")
async def test_a_session_that_a_server_crash_left_unprepared_is_created_again(harness: ControllerHarness) -> None:
    """It may run still when we find it again, and end only then."""
    harness.compute.answers, harness.compute.hold["probe"] = False, asyncio.Event()
    studio = await harness.add()
    await harness.called("probe")
    [name] = harness.compute.observations
    harness.compute.unprepared(name)
    harness.compute.hold.pop("probe").set()
    await harness.status(studio, "RUNNING")
    assert harness.compute.calls.count("session") == 2


async def test_a_tool_that_ends_like_an_unprepared_session_is_created_again_only_once(harness: ControllerHarness) -> None:
    harness.compute.answers, harness.compute.hold["probe"] = False, asyncio.Event()
    studio = await harness.add()
    await harness.called("probe")
    [name] = harness.compute.observations
    harness.compute.unprepared(name, again=True)
    harness.compute.hold.pop("probe").set()
    row = await harness.status(studio, "ERRORED")
    assert "exit code 97" in row["status_message"]
    assert harness.compute.calls.count("session") == 2
