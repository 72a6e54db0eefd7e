"""Starting, finding and removing sessions, over the protocol."""

import asyncio
from dataclasses import replace

import pytest

from services.compute.protocol import ComputeFailed, ImageSpec, Presence
from tests.compute.world import World, ask, ask_json, quietly


@pytest.mark.behaviour("B3")
async def test_a_session_is_ready_once_its_tool_answers(world: World) -> None:
    name = world.name()
    assert await world.presence(name) is Presence.ABSENT
    assert await world.compute.probe(name, 8000, "/") is None
    upstream = await world.start(name, TINY_DELAY="0.1")
    assert await world.presence(name) is Presence.RUNNING
    assert await ask(upstream, "GET", "/") == (200, b"tiny")


@pytest.mark.behaviour("B3")
async def test_any_status_counts_as_ready(world: World) -> None:
    assert await world.start(world.name(), TINY_STATUS="500")


async def test_a_tool_that_does_not_listen_is_not_ready(world: World) -> None:
    name = world.name()
    await world.compute.ensure_session(world.spec(name, TINY_NEVER="1"), quietly)
    assert await world.compute.probe(name, 8000, "/") is None
    assert await world.presence(name) is Presence.RUNNING


async def test_the_environment_reaches_the_tool(world: World) -> None:
    upstream = await world.start(world.name(), GREETING="a 'b' \"c\" $HOME `x`\nü")
    assert (await ask_json(upstream, "/env"))["GREETING"] == "a 'b' \"c\" $HOME `x`\nü"


@pytest.mark.behaviour("B12")
async def test_starting_twice_adopts_the_session(world: World) -> None:
    name = world.name()
    first = await ask_json(await world.start(name), "/pids")
    assert await ask_json(await world.start(name), "/pids") == first


@pytest.mark.behaviour("B12")
async def test_starting_twice_at_once_starts_one(world: World) -> None:
    name = world.name()
    await asyncio.gather(*(world.compute.ensure_session(world.spec(name), quietly) for _ in range(4)))
    await world.ready(name)
    assert (await world.logged(name, b"tiny listens")).count(b"tiny is starting") == 1


async def test_a_session_that_has_ended_is_not_started_again(world: World) -> None:
    name = world.name()
    await world.compute.ensure_session(world.spec(name, TINY_EXIT_AFTER="0", TINY_EXIT_CODE="3"), quietly)
    await world.ended(name)
    await world.compute.ensure_session(world.spec(name), quietly)
    assert (await world.compute.observe(name)).exit_code == 3


@pytest.mark.behaviour("B12")
@pytest.mark.parametrize("code", [0, 3])
async def test_the_exit_code_is_known(world: World, code: int) -> None:
    name = world.name()
    await ask(await world.start(name), "GET", f"/exit?code={code}")
    observation = await world.ended(name)
    assert observation.exit_code == code
    assert not observation.out_of_memory
    assert observation.at is not None


async def test_sessions_of_this_installation_are_listed(world: World) -> None:
    first, second = world.name(1), world.name(2, "zyxwvtsrqpnm")
    await world.start(first)
    await world.start(second)
    stranger = replace(second, installation="fedcba98" * 4)
    assert await world.presence(stranger) is Presence.ABSENT
    sessions = dict(await world.compute.sessions())
    assert {name: observation.presence for name, observation in sessions.items()} == dict.fromkeys((first, second), Presence.RUNNING)


async def test_removing_is_repeatable_and_complete(world: World) -> None:
    name = world.name()
    await world.start(name, TINY_IGNORE_TERM="1")
    await world.compute.remove(name)
    assert await world.presence(name) is Presence.ABSENT
    assert await world.compute.sessions() == []
    await world.compute.remove(name)


async def test_the_check_says_what_there_is(world: World) -> None:
    report = await world.compute.check()
    assert report.cpu >= 1
    assert report.memory_mib > 100


async def test_a_tool_that_the_kind_does_not_run_is_refused(world: World) -> None:
    with pytest.raises(ComputeFailed, match=r"needs the program|invalid reference"):
        await world.compute.ensure_image(ImageSpec("CUSTOM", "no-such-program-anywhere --flag", ""), quietly)
