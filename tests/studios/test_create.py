"""Creating Studios."""

import asyncio
import json
from typing import Any

import pytest

from services.domain.access import Role
from services.domain.errors import Conflict, Forbidden, InvalidInput, NotFound
from services.domain.ids import new_id
from services.secrets.secret_box import SecretBox
from services.store.db.database import Database
from services.store.tables import core
from services.studios.requests import Configuration, CreateStudioRequest, EnvVar
from services.studios.studio_rows import NameTaken
from services.studios.studios import Studios
from tests import factories
from tests.factories import World
from tests.studios.conftest import kinds, studio_row


def create_request(world: World, name: str = "Cells", **values: object) -> CreateStudioRequest:
    return CreateStudioRequest(world.workspace_id, name, world.template_id, **values)  # type: ignore[arg-type]


@pytest.mark.behaviour("B11")
async def test_a_studio_can_be_added_only(database: Database, studios: Studios, world: World) -> None:
    outcome = await studios.create(world.viewer, create_request(world, auto_start=False))
    row = await studio_row(database, outcome.studio_id)
    assert (row["status"], row["session_number"], outcome.operation_id) == ("STOPPED", 0, None)


@pytest.mark.behaviour("B11")
async def test_a_studio_can_be_added_and_started(database: Database, studios: Studios, world: World) -> None:
    outcome = await studios.create(world.viewer, create_request(world))
    row = await studio_row(database, outcome.studio_id)
    assert (row["status"], row["desired"], row["session_number"]) == ("STARTING", "RUNNING", 1)
    assert row["operation_id"] == outcome.operation_id is not None
    assert await kinds(database, outcome.studio_id) == ["studio.created", "checkpoint", "studio.status"]


@pytest.mark.behaviour("B15")
async def test_a_name_is_taken_whatever_its_case_and_blanks(studios: Studios, world: World) -> None:
    await studios.create(world.viewer, create_request(world, "Straße", auto_start=False))
    with pytest.raises(NameTaken):
        await studios.create(world.viewer, create_request(world, " STRASSE ", auto_start=False))


@pytest.mark.behaviour("B15")
async def test_of_twenty_who_want_a_name_at_once_one_gets_it(database: Database, studios: Studios, world: World) -> None:
    attempts = [studios.create(world.viewer, create_request(world, auto_start=False)) for _ in range(20)]
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    assert sum(not isinstance(outcome, BaseException) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, NameTaken) for outcome in outcomes) == 19


@pytest.mark.behaviour("B15")
@pytest.mark.behaviour("B16")
@pytest.mark.behaviour("B17")
async def test_all_problems_of_an_input_are_reported_at_once(studios: Studios, world: World) -> None:
    configuration = Configuration(
        cpu=9, memory_mib=1, gpu=1, lifespan_hours=121, env_vars=(EnvVar("1A", "x"), EnvVar("A", "x"), EnvVar("A", "y"))
    )
    with pytest.raises(InvalidInput) as caught:
        await studios.create(world.viewer, create_request(world, "", description="x" * 2049, configuration=configuration))
    fields = {".".join(problem.field) for problem in caught.value.problems}
    assert fields == {"name", "description", "cpu", "memory_mib", "gpu", "lifespan_hours", "env_vars.0.key", "env_vars"}


@pytest.mark.parametrize("name", ["a", "x" * 80, "Ünïcode 🧬", "  padded  "])
@pytest.mark.behaviour("B15")
async def test_a_name_may_be(studios: Studios, world: World, name: str) -> None:
    assert await studios.create(world.viewer, create_request(world, name, auto_start=False))


@pytest.mark.parametrize("name", ["", "   ", "x" * 81, "a\nb", "a\0b", "\u202eabc"])
@pytest.mark.behaviour("B15")
async def test_a_name_may_not_be(studios: Studios, world: World, name: str) -> None:
    with pytest.raises(InvalidInput):
        await studios.create(world.viewer, create_request(world, name, auto_start=False))


@pytest.mark.behaviour("B17")
async def test_defaults_are_cut_to_what_the_compute_environment_has(database: Database, studios: Studios, world: World) -> None:
    small = await factories.create_compute_environment(database, world.workspace_id, "Small", cpu=1.0, memory_mib=512)
    outcome = await studios.create(world.viewer, create_request(world, compute_environment_id=small, auto_start=False))
    row = await studio_row(database, outcome.studio_id)
    assert (row["cpu"], row["memory_mib"], row["gpu"], row["lifespan_hours"]) == (1.0, 512, 0, 8)


@pytest.mark.behaviour("B16")
async def test_a_secret_is_sealed_at_rest(database: Database, studios: Studios, world: World, box: SecretBox) -> None:
    configuration = Configuration(env_vars=(EnvVar("TOKEN", "hunter22", secret=True), EnvVar("PLAIN", "seen")))
    outcome = await studios.create(world.viewer, create_request(world, configuration=configuration, idempotency_key="k"))
    row = await studio_row(database, outcome.studio_id)
    token, plain = row["environment"]
    assert box.open(token["value"]) == "hunter22"
    assert plain == {"key": "PLAIN", "value": "seen", "secret": False}
    async with database.read() as reader:
        for table in (core.studio, core.session, core.event, core.operation, core.idempotency_key):
            rows = [dict(row) for row in (await reader.execute(table.select())).mappings()]
            assert "hunter22" not in json.dumps(rows, default=str)


async def test_the_compute_environment_is_asked_for_where_several_fit(database: Database, studios: Studios, world: World) -> None:
    await factories.create_compute_environment(database, world.workspace_id, "There")
    with pytest.raises(InvalidInput, match=r"say which \(Here, There\)"):
        await studios.create(world.viewer, create_request(world))


async def test_a_switched_off_compute_environment_is_refused(database: Database, studios: Studios, world: World) -> None:
    off = await factories.create_compute_environment(database, world.workspace_id, "Off", enabled=False)
    with pytest.raises(InvalidInput, match="Off is disabled"):
        await studios.create(world.viewer, create_request(world, compute_environment_id=off))


async def test_a_tool_that_the_environment_cannot_run_is_refused(database: Database, studios: Studios, world: World) -> None:
    xpra = await factories.create_template(database, world.workspace_id, "Desktop", tool="XPRA")
    request = CreateStudioRequest(world.workspace_id, "Cells", xpra, compute_environment_id=world.compute_environment_id)
    with pytest.raises(InvalidInput, match="Here cannot run Desktop"):
        await studios.create(world.viewer, request)


@pytest.mark.behaviour("B92")
async def test_things_of_other_workspaces_do_not_exist_here(database: Database, studios: Studios, world: World) -> None:
    other = await factories.create_workspace(database)
    template = await factories.create_template(database, other)
    environment = await factories.create_compute_environment(database, other)
    for request in (
        CreateStudioRequest(world.workspace_id, "A", template),
        create_request(world, compute_environment_id=environment),
        CreateStudioRequest(other, "A", template),
        CreateStudioRequest(new_id(), "A", template),
    ):
        with pytest.raises(NotFound):
            await studios.create(world.viewer, request)


@pytest.mark.behaviour("B91")
async def test_creating_needs_maintain(database: Database, studios: Studios, world: World) -> None:
    launcher, _ = await factories.create_viewer(database, world.workspace_id, Role.LAUNCH)
    maintainer, _ = await factories.create_viewer(database, world.workspace_id, Role.MAINTAIN)
    with pytest.raises(Forbidden, match="MAINTAIN"):
        await studios.create(launcher, create_request(world))
    assert await studios.create(maintainer, create_request(world))


@pytest.mark.behaviour("B95")
async def test_a_replay_answers_the_first_result(database: Database, studios: Studios, world: World) -> None:
    first = await studios.create(world.viewer, create_request(world, idempotency_key="k"))
    assert await studios.create(world.viewer, create_request(world, idempotency_key="k")) == first
    with pytest.raises(Conflict, match="another input"):
        await studios.create(world.viewer, create_request(world, "Other", idempotency_key="k"))


@pytest.mark.behaviour("B95")
async def test_of_twenty_replays_at_once_one_creates(database: Database, studios: Studios, world: World) -> None:
    outcomes = await asyncio.gather(*(studios.create(world.viewer, create_request(world, idempotency_key="k")) for _ in range(20)))
    assert len({outcome.studio_id for outcome in outcomes}) == 1


@pytest.mark.behaviour("B95")
async def test_an_error_is_not_recorded(studios: Studios, world: World) -> None:
    with pytest.raises(InvalidInput):
        await studios.create(world.viewer, create_request(world, "", idempotency_key="k"))
    assert await studios.create(world.viewer, create_request(world, "Good", idempotency_key="k"))


@pytest.mark.behaviour("B17")
@pytest.mark.parametrize(
    "amount", [{"cpu": 1e308}, {"memory_mib": 2**31}, {"cpu": float("nan")}, {"cpu": float("inf")}, {"cpu": -1.0}, {"gpu": 2**40}]
)
async def test_no_amount_is_taken_that_no_machine_has(database: Database, studios: Studios, world: World, amount: dict[str, Any]) -> None:
    """Even where the capacity was not looked up yet."""
    new = await factories.create_compute_environment(database, world.workspace_id, "New", cpu=0.0, memory_mib=0)
    with pytest.raises(InvalidInput):
        await studios.create(world.viewer, create_request(world, compute_environment_id=new, configuration=Configuration(**amount)))


@pytest.mark.parametrize("text", ["half a pair \ud800", "nul \0"])
@pytest.mark.parametrize("secret", [True, False])
async def test_text_that_cannot_be_stored_is_refused(studios: Studios, world: World, text: str, secret: bool) -> None:
    variables = (EnvVar("A", text, secret),)
    with pytest.raises(InvalidInput) as caught:
        await studios.create(world.viewer, create_request(world, description=text, configuration=Configuration(env_vars=variables)))
    assert {problem.field for problem in caught.value.problems} == {("description",), ("env_vars", "0", "value")}
