"""The real JupyterLab over its socket: a kernel runs a cell, and what is installed in a session stays with it and nobody else."""

import asyncio
import json
import uuid
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from services.compute.locks import locked
from services.compute.process import ProcessCompute
from services.compute.process.jupyterlab import directory_name
from services.compute.protocol import ComputeFailed, ImageSpec, SessionSpec, Upstream
from services.domain.session_name import SessionName
from services.domain.statuses import Tool
from tests.compute.world import GRACE, INSTALLATION, World, quietly
from tests.jupyterlab import IMAGE, VERSION
from tests.waiting import WAIT_LIMIT_S

pytestmark = pytest.mark.slow


@pytest.fixture
def shared_tools(root: Path, jupyterlab_tools: Path) -> None:
    root.mkdir()
    (root / "tools").symlink_to(jupyterlab_tools)


@pytest.fixture
async def lab(root: Path, shared_tools: None) -> AsyncIterator[World]:
    made = World(ProcessCompute(root, INSTALLATION), IMAGE)
    await made.compute.ensure_image(IMAGE, quietly)
    yield made
    for name in made.names:
        await made.compute.remove(name)


def spec(name: SessionName, **more: Any) -> SessionSpec:
    return SessionSpec(name, IMAGE, 8888, "/api", 1.0, 0, 0, **more)


async def start(lab: World, name: SessionName, **more: Any) -> Upstream:
    await lab.compute.ensure_session(spec(name, **more), quietly)
    return await lab.ready(name)


class Client:
    """A program that uses JupyterLab as a browser does: cookies, and the header against forged requests."""

    def __init__(self, upstream: Upstream) -> None:
        jar = aiohttp.CookieJar(unsafe=True)
        self.http = aiohttp.ClientSession("http://a0.localhost", connector=aiohttp.UnixConnector(upstream.unix or ""), cookie_jar=jar)

    async def __aenter__(self) -> "Client":
        async with self.http.get("/lab") as page:
            assert page.status == 200
        self.forged = next(cookie.value for cookie in self.http.cookie_jar if cookie.key == "_xsrf")
        async with self.http.post("/api/kernels", json={}, headers={"X-XSRFToken": self.forged}) as answer:
            assert answer.status == 201, await answer.text()
            self.kernel = (await answer.json())["id"]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.close()

    async def run(self, code: str, seconds: float = 120) -> str:
        """The output of a cell, over the kernel's WebSocket; an error in it fails the test."""
        async with (
            asyncio.timeout(seconds),
            self.http.ws_connect(f"/api/kernels/{self.kernel}/channels", origin="http://a0.localhost") as socket,
        ):
            message = uuid.uuid4().hex
            header = {"msg_id": message, "msg_type": "execute_request", "session": "t", "username": "", "version": "5.3", "date": ""}
            content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
            await socket.send_json({"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"})
            output = ""
            async for frame in socket:
                heard = json.loads(frame.data)
                if heard["parent_header"].get("msg_id") != message:
                    continue
                assert heard["msg_type"] != "error", heard["content"]
                if heard["msg_type"] == "stream":
                    output += heard["content"]["text"]
                if heard["msg_type"] == "status" and heard["content"]["execution_state"] == "idle":
                    return output
        raise AssertionError("the kernel's socket closed")


def make_wheel(directory: Path) -> Path:
    """A package with a module and a script."""
    info = "tinypackage-1.0.dist-info"
    path = directory / "tinypackage-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("tinypackage.py", "def main():\n    print('tiny', __file__)\n")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tinypackage\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/entry_points.txt", "[console_scripts]\ntinyscript = tinypackage:main\n")
        names = ["tinypackage.py", *(f"{info}/{name}" for name in ("METADATA", "WHEEL", "entry_points.txt", "RECORD"))]
        wheel.writestr(f"{info}/RECORD", "".join(f"{name},,\n" for name in names))
    return path


@pytest.mark.behaviour("B50")
async def test_a_kernel_runs_a_cell_in_the_workspace(lab: World, root: Path) -> None:
    async with Client(await start(lab, lab.name())) as client:
        assert await client.run("print(40 + 2)") == "42\n"
        workspace = root / "sessions" / str(lab.name()) / "files" / "workspace"
        assert await client.run("import os; print(os.getcwd())") == f"{workspace}\n"
        transport = "import json, ipykernel; print(json.load(open(ipykernel.get_connection_file()))['transport'])"
        assert await client.run(transport) == "ipc\n"


@pytest.mark.behaviour("B10", "B41")
async def test_installed_packages_come_back_in_a_clone_and_stay_apart(lab: World, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path)
    source = lab.name(1)
    async with Client(await start(lab, source)) as client:
        await client.run("open('notes.txt', 'w').write('hello')")
        assert "Successfully installed" in await client.run(f"%pip install --no-index {wheel}")
        assert "tiny" in await client.run("!tinyscript")
    await lab.compute.stop(source, GRACE)
    assert (await lab.compute.observe(source)).exit_code == 0
    saved = await lab.save(source, "c1", interim=False)
    clone = lab.name(1, "zyxwvtsrqpnm")
    async with Client(await start(lab, clone, base=saved.reference, base_digest=saved.digest)) as client:
        assert await client.run("print(open('notes.txt').read())") == "hello\n"
        await client.run("import tinypackage; assert '/sg-01234567-zyxwvtsrqpnm-1/' in tinypackage.__file__, tinypackage.__file__")
        assert "/sg-01234567-zyxwvtsrqpnm-1/" in await client.run("!tinyscript")
        assert "Successfully uninstalled" in await client.run("!pip uninstall -y tinypackage")
    plain = lab.name(2)
    async with Client(await start(lab, plain)) as client:
        assert await client.run("import importlib.util; print(importlib.util.find_spec('tinypackage'))") == "None\n"
        assert "Not uninstalling" in await client.run("!pip uninstall -y jupyterlab 2>&1")


@pytest.mark.behaviour("B41")
async def test_a_package_installed_for_editing_belongs_to_the_clone(lab: World, tmp_path: Path) -> None:
    source = lab.name(1)
    async with Client(await start(lab, source)) as client:
        await client.run("import os; os.makedirs('mine'); open('mine/edited.py', 'w').write('')")
        await client.run("import site, os; open(site.getsitepackages()[0] + '/__editable__.mine.pth', 'w').write(os.getcwd() + '/mine')")
    saved = await lab.save(source, "c1", interim=True)
    async with Client(await start(lab, lab.name(2), base=saved.reference, base_digest=saved.digest)) as client:
        assert "/sg-01234567-abcdefghjkmn-2/" in await client.run("import edited; print(edited.__file__)")


async def test_it_asks_for_no_token_and_refuses_forged_requests(lab: World) -> None:
    upstream = await start(lab, lab.name())
    async with Client(upstream) as client:
        async with client.http.get("/api/contents") as answer:
            assert answer.status == 200
        async with client.http.post("/api/kernels", json={}) as answer:
            assert answer.status == 403
        async with client.http.get("/lab") as page:
            text = await page.text()
        assert "apputils-extension:announcements" in text
    assert b"token=" not in await lab.compute.tail(lab.name(), 1 << 20)


@pytest.mark.behaviour("B10")
async def test_a_terminal_finds_the_session_s_own_pip(lab: World, root: Path) -> None:
    async with Client(await start(lab, lab.name())) as client:
        async with client.http.post("/api/terminals", headers={"X-XSRFToken": client.forged}) as answer:
            terminal = (await answer.json())["name"]
        async with (
            asyncio.timeout(WAIT_LIMIT_S),
            client.http.ws_connect(f"/terminals/websocket/{terminal}", origin="http://a0.localhost") as socket,
        ):
            await socket.send_json(["stdin", "echo found: $(command -v pip) in $PWD\n"])
            shown = ""
            while "/files/env/bin/pip in " not in shown:
                shown += "".join(str(part) for part in (await socket.receive_json())[1:])
        assert f"{lab.name()}/files/workspace" in shown


async def test_a_version_that_is_not_provided_is_refused(lab: World) -> None:
    with pytest.raises(ComputeFailed, match=VERSION):
        await lab.compute.ensure_image(ImageSpec(Tool.JUPYTERLAB, "jupyterlab", "1.0.0"), quietly)


async def test_an_installation_can_be_cancelled_and_repeated(root: Path, sockets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    compute = ProcessCompute(root, INSTALLATION)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(compute.ensure_image(IMAGE, quietly), 0.5)
    with pytest.raises(ComputeFailed, match="could not be installed: ERROR"):
        await asyncio.gather(compute.ensure_image(IMAGE, quietly), compute.ensure_image(IMAGE, quietly))
    assert not (root / "tools" / directory_name(IMAGE) / "complete").exists()


@pytest.mark.behaviour("B84")
def test_scripts_of_an_installation_do_not_depend_on_the_link_it_was_made_through(lab: World, jupyterlab_tools: Path) -> None:
    script = (jupyterlab_tools / directory_name(IMAGE) / "bin/jupyter").read_text()
    interpreter = script.splitlines()[0].removeprefix("#!")
    assert Path(interpreter).is_relative_to(jupyterlab_tools.resolve())


async def test_a_start_that_waits_for_an_installation_by_another_says_so(root: Path) -> None:
    compute, messages = ProcessCompute(root, INSTALLATION), asyncio.Queue[str]()

    async def progress(message: str) -> None:
        await messages.put(message)

    (root / "tools").mkdir(parents=True, mode=0o700)
    async with locked(root / "tools" / f"{directory_name(IMAGE)}.lock"):
        waiting = asyncio.create_task(compute.ensure_image(IMAGE, progress))
        assert await asyncio.wait_for(messages.get(), 30) == f"Installing JupyterLab {VERSION}"
        waiting.cancel()
        await asyncio.wait([waiting])
