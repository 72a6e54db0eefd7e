"""The project's own image: not root, tells what it lacks, and does the main job inside a container of the engine it uses."""

from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from tests.docker.built import server_image
from tests.docker.contained import MOUNT, contained, container, group, replace
from tests.docker.server import Job
from tests.docker.tiny_image import docker, run
from tests.docker.visitor import address, dial, visiting
from tests.waiting import eventually

pytestmark = [pytest.mark.docker, pytest.mark.slow]
WATCH = """subscription($id: ID!) { studioEvents(scope: { studioId: $id }) { __typename
  ... on StudioStatusEvent { status statusMessage } } }"""
NETWORKS = "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}"
ASK = """import socket, sys
with socket.create_connection((sys.argv[1], 8000), 5) as made:
    try:
        made.sendall(b"GET /livez HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n")
        print(made.recv(100) or "nothing")
    except ConnectionError:
        print("nothing")"""
CHECKPOINTS = "query($id: ID!) { studio(id: $id) { checkpoints { nodes { status } } } }"


@pytest.mark.behaviour("B3", "B5", "B8", "B30", "B50")
async def test_the_main_job_inside_a_container(tmp_path: Path, sqlite_url: str) -> None:
    async with (
        contained(tmp_path, sqlite_url, await server_image()) as job,
        aclosing(job.server.subscribe(WATCH, {"id": job.studio})) as frames,  # type: ignore[type-var]  # an async generator
    ):
        await job.start()
        await until_status(frames, "RUNNING")
        await it_is_reached_where_it_was_joined(job)
        await no_session_gets_an_answer(job)
        await job.stop()
        await until_status(frames, "STOPPED")
        checkpoints = (await job.server.graphql(CHECKPOINTS, {"id": job.studio}))["studio"]["checkpoints"]["nodes"]
        assert checkpoints == [{"status": "FINALIZED"}]
        await job.nothing_left()


async def until_status(frames: Any, expected: str) -> None:
    """The subscription says it, without an error on the way."""
    async for frame in frames:
        status = frame["studioEvents"].get("status")
        assert status not in ("ERRORED", "BUILD_FAILED"), frame
        if status == expected:
            return
    raise AssertionError(f"the subscription ended before {expected}")


async def it_is_reached_where_it_was_joined(job: Job) -> None:
    async with visiting(await address(job), dial(job)) as visitor:
        assert await visitor.get("/") == (200, "tiny")
        async with visitor.socket("/ws") as socket:
            await socket.send_str("hello")
            assert await socket.receive_str(timeout=10) == "hello"
    assert set(job.networks()) < set(docker("inspect", "-f", NETWORKS, container(job)).split())


async def no_session_gets_an_answer(job: Job) -> None:
    """The server is in its network, where no packet filter is between them: the server drops what comes from there."""
    [name] = job.containers()
    address = docker("inspect", "-f", f'{{{{(index .NetworkSettings.Networks "zz-{name}").IPAddress}}}}', container(job))
    python = docker("inspect", "-f", "{{index .Config.Cmd 0}}", name)
    assert await run("exec", name, python, "-I", "-c", ASK, address) == "nothing"


@pytest.mark.behaviour("B57")
async def test_a_server_whose_container_was_replaced_joins_what_runs(tmp_path: Path, sqlite_url: str) -> None:
    image = await server_image()
    async with contained(tmp_path, sqlite_url, image) as job:
        await job.start()
        await job.status("RUNNING")
        await replace(job, image)

        async def reached() -> bool:
            async with visiting(await address(job), dial(job)) as visitor:
                return await visitor.get("/") == (200, "tiny")

        await eventually(reached, every=0.5)


async def test_it_is_not_root_and_has_its_recipes() -> None:
    image = await server_image()
    script = "id -u; touch /data/x && stat -c %a /data; touch /opt/studiograph/x 2>&1"
    assert (await run("run", "--rm", image, "sh", "-c", f"{script} || true")).splitlines()[:2] == ["10001", "700"]
    reference = "from services.compute.docker.recipes import reference; print(reference('jupyter', ''))"
    here = docker("run", "--rm", image, "python", "-c", reference)
    assert here.startswith("studiograph/jupyter:")


async def test_doctor_in_a_container_that_may_not_use_the_engine_gives_the_groups_id() -> None:
    image = await server_image()
    output = await run("run", "--rm", "--volume", MOUNT, image, "studiograph", "doctor")
    assert f"this user may not use /var/run/docker.sock\n      Its group has the id {group()}." in output
    assert f'`docker run --group-add {group()}`, in a compose file `group_add: ["{group()}"]`' in output
    output = await run("run", "--rm", "--volume", MOUNT, "--group-add", group(), image, "studiograph", "doctor")
    assert "which this server's container joins" in output
