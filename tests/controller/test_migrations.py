"""The first start of a migrated Studio: its files are put over the new template once, whatever happens meanwhile (B74)."""

import asyncio
from typing import Any

import pytest

from services.compute.protocol import ComputeFailed, ComputeUnknown
from services.compute.session_programs import SessionFiles
from services.controller.migration.probes import MAX_FIELD_LENGTH
from services.domain.session_name import SessionName
from services.store.tables import core
from services.studios.requests import (
    DiscardMigrationRequest,
    MigrateStudioRequest,
    StartStudioRequest,
    StopStudioRequest,
    StudioActionRequest,
)
from tests import factories
from tests.controller.harness import ControllerHarness, message_contains
from tests.waiting import eventually


async def original(harness: ControllerHarness) -> str:
    """A stopped Studio with a checkpoint, and a newer release of its tool."""
    for version in ("6.1", "6.2"):
        template_id = await factories.create_template(
            harness.database, harness.world.workspace_id, f"Xpra {version}", tool="XPRA", tool_version=version, image=f"xpra:{version}"
        )
        if version == "6.1":
            studio_id = await factories.create_studio(harness.database, harness.world, "Desk", template_id=template_id)
            await factories.create_checkpoint(harness.database, harness.world, studio_id, template_id=template_id, reference="saved")
    harness.compute.saves["saved"] = True
    return studio_id


async def migrate(harness: ControllerHarness, studio_id: str) -> str:
    return (await harness.studios.migrate(harness.world.viewer, MigrateStudioRequest(studio_id))).studio_id


async def attempt(harness: ControllerHarness) -> dict[str, Any]:
    return (await harness.rows(core.migration_attempt))[-1]


async def rebased(harness: ControllerHarness, studio_id: str) -> dict[str, Any]:
    """The checkpoint that the migrated Studio begins from."""
    rebased = [row for row in await harness.rows(core.checkpoint) if row["studio_id"] == studio_id and row["session_number"] == 0]
    return rebased[0]


@pytest.mark.behaviour("B74")
async def test_the_first_session_begins_from_the_files_over_the_new_template(harness: ControllerHarness) -> None:
    source = await original(harness)
    made = await migrate(harness, source)
    await harness.status(made, "RUNNING")
    begun = await rebased(harness, made)
    assert (begun["status"], begun["digest"], begun["layers"]) == ("FINALIZED", "sha256:xpra:6.2", 1)
    spec = harness.compute.specs[-1]
    assert (spec.image.image, spec.base, spec.base_digest) == ("xpra:6.2", begun["reference"], begun["digest"])
    assert [row for row in await harness.rows(core.checkpoint_cleanup) if row["checkpoint_id"]] == []
    kinds = [(row["kind"], row["payload"]["state"]) for row in await harness.rows(core.event) if row["kind"] == "migration"]
    assert kinds[:2] == [("migration", "MIGRATING")] * 2


@pytest.mark.behaviour("B74")
async def test_a_later_start_puts_nothing_over_the_template_again(harness: ControllerHarness) -> None:
    made = await migrate(harness, await original(harness))
    await harness.status(made, "RUNNING")
    await harness.studios.stop(harness.world.viewer, StopStudioRequest(made))
    await harness.status(made, "STOPPED")
    await harness.studios.start(harness.world.viewer, StartStudioRequest(made))
    await harness.status(made, "RUNNING")
    assert harness.compute.calls.count("rebase") == 1


@pytest.mark.behaviour("B39", "B74")
async def test_a_server_that_dies_while_files_are_put_over_the_template_does_it_again(harness: ControllerHarness) -> None:
    gate = harness.compute.hold["rebase"] = asyncio.Event()
    made = await migrate(harness, await original(harness))
    await harness.called("rebase")
    await harness.crash()
    del harness.compute.hold["rebase"]
    gate.set()
    await harness.start()
    await harness.status(made, "RUNNING")
    assert harness.compute.calls.count("rebase") == 2
    kept = (await rebased(harness, made))["reference"]

    async def only_one_is_left() -> bool:
        return [name for name in harness.compute.saves if name != "saved"] == [kept]

    await eventually(only_one_is_left)


@pytest.mark.behaviour("B74")
async def test_an_engine_that_does_not_answer_meanwhile_is_asked_again(harness: ControllerHarness) -> None:
    source = await original(harness)
    harness.compute.broken["rebase"] = ComputeUnknown("no answer")
    made = await migrate(harness, source)

    async def waits() -> bool:
        return await message_contains(harness, made, "does not answer")

    await harness.until(waits)
    del harness.compute.broken["rebase"]
    await harness.status(made, "RUNNING")


@pytest.mark.behaviour("B74", "B75")
async def test_a_first_start_that_fails_fails_the_attempt_and_can_be_repeated(harness: ControllerHarness) -> None:
    source = await original(harness)
    harness.compute.refuse_start = "The image has no shell."
    made = await migrate(harness, source)
    await harness.status(made, "ERRORED")
    failed = await result(harness)
    assert (failed["state"], [issue["kind"] for issue in failed["issues"]]) == ("FAILED", ["TOOL_NOT_STARTED"])
    assert "no shell" in failed["issues"][0]["message"]
    harness.compute.refuse_start = None
    await harness.studios.start(harness.world.viewer, StartStudioRequest(made))
    await harness.status(made, "RUNNING")
    assert harness.compute.calls.count("rebase") == 1
    assert harness.compute.specs[-1].base == (await rebased(harness, made))["reference"]


@pytest.mark.behaviour("B39", "B74")
async def test_a_source_whose_data_is_missing_is_found_once_it_is_back(harness: ControllerHarness) -> None:
    source = await original(harness)
    harness.compute.missing.add("saved")
    made = await migrate(harness, source)
    row = await harness.status(made, "ERRORED")
    assert (row["stop_reason"], (await result(harness))["state"]) == ("CHECKPOINT_MISSING", "FAILED")
    statuses = {
        row["studio_id"]: row["status"] for row in await harness.rows(core.checkpoint) if row["session_number"] != 1 or row["reference"]
    }
    assert statuses == {source: "INVALID", made: "EMPTY"}
    harness.compute.missing.clear()
    await harness.studios.start(harness.world.viewer, StartStudioRequest(made))
    await harness.status(made, "RUNNING")


@pytest.mark.behaviour("B74")
async def test_the_original_may_be_deleted_while_its_files_are_put_over_the_template(harness: ControllerHarness) -> None:
    source = await original(harness)
    gate = harness.compute.hold["rebase"] = asyncio.Event()
    made = await migrate(harness, source)
    await harness.called("rebase")
    await harness.studios.delete(harness.world.viewer, StudioActionRequest(source))
    gate.set()
    await harness.status(made, "RUNNING")

    async def source_is_removed() -> bool:
        return "saved" not in harness.compute.saves

    await eventually(source_is_removed)


@pytest.mark.behaviour("B75")
async def test_a_migration_that_is_discarded_while_it_starts_leaves_nothing(harness: ControllerHarness) -> None:
    source = await original(harness)
    gate = harness.compute.hold["rebase"] = asyncio.Event()
    made = await migrate(harness, source)
    await harness.called("rebase")
    name = await harness.name(made)
    await harness.studios.discard_migration(harness.world.viewer, DiscardMigrationRequest(made))
    gate.set()
    await session_is_absent(harness, name)
    assert (await attempt(harness))["state"] == "DISCARDED"
    await only_the_original_is_left(harness)


@pytest.mark.behaviour("B75")
async def test_a_running_migration_is_discarded_in_one_call(harness: ControllerHarness) -> None:
    made = await migrate(harness, await original(harness))
    await harness.status(made, "RUNNING")
    name = await harness.name(made)
    await harness.studios.discard_migration(harness.world.viewer, DiscardMigrationRequest(made))
    await session_is_absent(harness, name)
    await only_the_original_is_left(harness)


async def only_the_original_is_left(harness: ControllerHarness) -> None:
    async def is_left_alone() -> bool:
        return list(harness.compute.saves) == ["saved"]

    await eventually(is_left_alone)


async def session_is_absent(harness: ControllerHarness, name: SessionName) -> None:
    async def is_absent() -> bool:
        return str(name) not in harness.compute.observations

    await eventually(is_absent)


PATHS = SessionFiles(("opt/lib/python3.11/site-packages/numpy-1.0.dist-info/RECORD",))


async def result(harness: ControllerHarness) -> dict[str, Any]:
    """Waits until the attempt has a result."""

    async def is_over() -> bool:
        return bool((await attempt(harness))["state"] != "MIGRATING")

    await eventually(is_over)
    return await attempt(harness)


async def xpra_with_pip(harness: ControllerHarness) -> str:
    """The original, of a tool whose users install by pip."""
    source = await original(harness)
    async with harness.database.write() as transaction:
        await transaction.execute(core.template.update().where(core.template.c.tool == "XPRA").values(tool="JUPYTERLAB"))
    return source


@pytest.mark.behaviour("B74")
async def test_what_the_session_reports_becomes_issues_with_commands(harness: ControllerHarness) -> None:
    source = await xpra_with_pip(harness)
    harness.compute.files, harness.compute.report = PATHS, b"MARK\tpython-import\tnumpy\tImportError: no\n"
    await harness.status(await migrate(harness, source), "RUNNING")
    ended = await result(harness)
    assert ended["state"] == "WITH_ISSUES"
    [issue] = ended["issues"]
    assert (issue["kind"], issue["subject"], issue["commands"]) == ("PACKAGE_BROKEN", "numpy", ["pip uninstall --yes numpy"])
    states = [row["payload"]["state"] for row in await harness.rows(core.event) if row["kind"] == "migration"]
    assert states == ["MIGRATING", "MIGRATING", "WITH_ISSUES", "WITH_ISSUES"]


@pytest.mark.behaviour("B16", "B74")
async def test_a_secret_that_the_session_reports_is_masked(harness: ControllerHarness) -> None:
    source = await xpra_with_pip(harness)
    variable = {"key": "TOKEN", "value": harness.services.seal.seal("hunter2hunter2"), "secret": True}
    async with harness.database.write() as transaction:
        await transaction.execute(core.studio.update().values(environment=[variable]))
    harness.compute.files, harness.compute.report = PATHS, b"MARK\tpython-import\tnumpy\tKeyError: hunter2hunter2\n"
    await harness.status(await migrate(harness, source), "RUNNING")
    [issue] = (await result(harness))["issues"]
    assert "hunter2" not in issue["message"]


@pytest.mark.behaviour("B16", "B74")
async def test_a_secret_is_masked_also_where_a_long_text_is_cut(harness: ControllerHarness) -> None:
    source = await xpra_with_pip(harness)
    variable = {"key": "TOKEN", "value": harness.services.seal.seal("hunter2hunter2"), "secret": True}
    async with harness.database.write() as transaction:
        await transaction.execute(core.studio.update().values(environment=[variable]))
    harness.compute.files = PATHS
    harness.compute.report = b"MARK\tpython-import\tnumpy\t" + b"x" * (MAX_FIELD_LENGTH - 10) + b"hunter2hunter2\n"
    await harness.status(await migrate(harness, source), "RUNNING")
    [issue] = (await result(harness))["issues"]
    assert "hunter2" not in issue["message"]


@pytest.mark.behaviour("B74")
async def test_a_program_of_the_check_that_is_ended_too_early_says_so(harness: ControllerHarness) -> None:
    source = await xpra_with_pip(harness)
    harness.compute.files, harness.compute.is_cut = PATHS, True
    await harness.status(await migrate(harness, source), "RUNNING")
    ended = await result(harness)
    assert (ended["state"], [issue["kind"] for issue in ended["issues"]]) == ("WITH_ISSUES", ["CHECK_INCOMPLETE"])
    assert "not listed" in ended["issues"][0]["message"]


@pytest.mark.behaviour("B74")
async def test_files_that_are_not_compared_are_no_success(harness: ControllerHarness) -> None:
    harness.compute.files = SessionFiles((), unread="The images are too large.")
    await harness.status(await migrate(harness, await original(harness)), "RUNNING")
    [issue] = (await result(harness))["issues"]
    assert (issue["kind"], issue["message"].endswith("The images are too large.")) == ("CHECK_INCOMPLETE", True)


@pytest.mark.behaviour("B74")
async def test_names_of_files_that_are_no_text_are_stored_as_text(harness: ControllerHarness) -> None:
    source = await original(harness)
    harness.compute.files = SessionFiles((), (b"etc/\xff\x1b[2J".decode(errors="surrogateescape"),))
    harness.compute.refuse_start = "The tool ended before it answered."
    await migrate(harness, source)
    assert [issue["subject"] for issue in (await result(harness))["issues"]][1] == "/etc/\ufffd\ufffd[2J"


@pytest.mark.behaviour("B74")
async def test_a_session_that_cannot_be_looked_at_says_so(harness: ControllerHarness) -> None:
    source = await xpra_with_pip(harness)
    harness.compute.files, harness.compute.broken["run"] = PATHS, ComputeFailed("A program did not end.")
    await harness.status(await migrate(harness, source), "RUNNING")
    ended = await result(harness)
    assert (ended["state"], [issue["kind"] for issue in ended["issues"]]) == ("WITH_ISSUES", ["CHECK_INCOMPLETE"])


@pytest.mark.behaviour("B74")
async def test_a_server_that_dies_during_the_check_checks_again(harness: ControllerHarness) -> None:
    source = await xpra_with_pip(harness)
    harness.compute.files = PATHS
    gate = harness.compute.hold["run"] = asyncio.Event()
    await harness.status(await migrate(harness, source), "RUNNING")
    await harness.called("run")
    await harness.crash()
    del harness.compute.hold["run"]
    gate.set()
    await harness.start()
    assert (await result(harness))["state"] == "SUCCEEDED"


@pytest.mark.behaviour("B75")
async def test_a_migration_that_is_discarded_during_the_check_stays_discarded(harness: ControllerHarness) -> None:
    source = await xpra_with_pip(harness)
    harness.compute.files = PATHS
    gate = harness.compute.hold["run"] = asyncio.Event()
    made = await migrate(harness, source)
    await harness.status(made, "RUNNING")
    await harness.called("run")
    await harness.studios.discard_migration(harness.world.viewer, DiscardMigrationRequest(made))
    gate.set()
    await only_the_original_is_left(harness)
    assert (await attempt(harness))["state"] == "DISCARDED"


@pytest.mark.behaviour("B74")
async def test_a_tool_that_does_not_start_has_the_packages_in_conflict_as_possible_causes(harness: ControllerHarness) -> None:
    source = await xpra_with_pip(harness)
    packages = "opt/lib/python3.11/site-packages"
    harness.compute.files = SessionFiles((f"{packages}/numpy-1.0.dist-info/RECORD",), (f"{packages}/numpy/core.py",))
    harness.compute.refuse_start = "The tool ended before it answered."
    await migrate(harness, source)
    ended = await result(harness)
    assert (ended["state"], [issue["kind"] for issue in ended["issues"]]) == ("FAILED", ["TOOL_NOT_STARTED", "FILE_CONFLICT"])
    assert ended["issues"][1]["commands"] == ["pip uninstall --yes numpy"]


@pytest.mark.behaviour("B74")
async def test_a_failed_start_is_a_result_also_if_the_engine_tells_nothing_more(harness: ControllerHarness) -> None:
    source = await xpra_with_pip(harness)
    harness.compute.refuse_start = "The tool ended before it answered."
    harness.compute.broken["session_files"] = ComputeUnknown("no answer")
    await migrate(harness, source)
    assert [issue["kind"] for issue in (await result(harness))["issues"]] == ["TOOL_NOT_STARTED"]


@pytest.mark.behaviour("B74", "B75")
async def test_a_session_that_is_stopped_before_its_check_is_a_result_and_the_next_one_is_checked(harness: ControllerHarness) -> None:
    source = await original(harness)
    gate = harness.compute.hold["session_files"] = asyncio.Event()
    made = await migrate(harness, source)
    await harness.status(made, "RUNNING")
    await harness.called("session_files")
    await harness.studios.stop(harness.world.viewer, StopStudioRequest(made))
    await harness.status(made, "STOPPED")
    del harness.compute.hold["session_files"]
    gate.set()
    ended = await result(harness)
    assert (ended["state"], [issue["kind"] for issue in ended["issues"]]) == ("FAILED", ["CHECK_INCOMPLETE"])
    await harness.studios.start(harness.world.viewer, StartStudioRequest(made))

    async def is_checked() -> bool:
        return bool((await attempt(harness))["state"] == "SUCCEEDED")

    await eventually(is_checked)
