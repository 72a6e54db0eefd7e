"""The image of JupyterLab: what a person does in it through the proxy, and the container's contract."""

from pathlib import Path

import aiohttp
import pytest

from services.compute.protocol import ImageSpec, Presence
from services.domain.statuses import Tool
from tests.compute.world import GRACE, World, ask
from tests.docker.built import provided
from tests.docker.server import docker_job
from tests.docker.tiny_image import run
from tests.docker.visitor import notebook

pytestmark = [pytest.mark.docker, pytest.mark.slow]
INSTALL = "!apt-get update -qq && apt-get install -y -qq --no-install-recommends tree >/dev/null && echo apt is done"


@pytest.mark.behaviour("B3", "B10", "B50", "B70")
async def test_cells_and_what_they_install_are_there_after_a_stop_and_a_start(tmp_path: Path, sqlite_url: str) -> None:
    async with docker_job(tmp_path, sqlite_url, image=await provided("jupyter"), port=8888) as job:
        await job.start()
        await job.status("RUNNING")
        async with notebook(job) as first:
            assert await first.run("print(6 * 7)") == "42"
            await first.run("open('note.txt', 'w').write('written by a cell')")
            await first.run("%pip install --quiet iniconfig")
            assert (await first.run(INSTALL)).endswith("apt is done")
        await job.stop()
        await job.status("STOPPED")
        assert await job.checkpoints() == ["FINALIZED"]
        await job.start()
        await job.status("RUNNING")
        async with notebook(job) as second:
            assert await second.run("print(open('note.txt').read())") == "written by a cell"
            assert await second.run("import iniconfig; print(iniconfig.__name__)") == "iniconfig"
            assert (await second.run("!tree --version")).startswith("tree v")


async def test_it_lives_below_a_prefix_listens_where_it_is_told_and_ends_when_asked(world: World) -> None:
    world.image = ImageSpec(Tool.JUPYTERLAB, await provided("jupyter"), "4.6.6")
    name = world.name()
    upstream = await world.start(name, CONNECT_TOOL_PATH_PREFIX="/some/where/")
    assert (await ask(upstream, "GET", "/some/where/api"))[0] == 200
    assert (await ask(upstream, "GET", "/api"))[0] == 404
    await world.compute.stop(name, GRACE)
    observation = await world.compute.observe(name)
    assert (observation.presence, observation.exit_code) == (Presence.EXITED, 0)


async def test_nothing_is_written_before_a_person_works(world: World) -> None:
    """What a start writes would be in every checkpoint."""
    world.image = ImageSpec(Tool.JUPYTERLAB, await provided("jupyter"), "4.6.6")
    await world.start(world.name())
    written = (await run("diff", str(world.name()))).splitlines()
    assert len(written) < 40, written
    assert not [line for line in written if line.endswith(".pyc")]


async def test_its_terminals_find_the_same_python_and_shell_as_its_cells(world: World) -> None:
    world.image = ImageSpec(Tool.JUPYTERLAB, await provided("jupyter"), "4.6.6")
    upstream = await world.start(world.name())
    async with aiohttp.ClientSession(f"http://{upstream.host}:{upstream.port}", cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        async with http.get("/lab") as page:
            xsrf = page.cookies["_xsrf"].value
        async with http.post("/api/terminals", headers={"X-XSRFToken": xsrf}) as made:
            number = (await made.json())["name"]
        async with http.ws_connect(f"/terminals/websocket/{number}") as socket:
            await socket.send_json(["stdin", "echo $0 $(command -v python3 pip) $(pwd) | tr ' ' ,\r"])
            printed = ""
            while "/bin/bash,/opt/jupyter/bin/python3,/opt/jupyter/bin/pip,/workspace" not in printed:
                message = await socket.receive_json(timeout=20)
                printed += message[1] if message[0] == "stdout" else ""
