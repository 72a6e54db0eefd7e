"""The main job, start to end."""

import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from studiograph.operator_errors import OperatorError
from studiograph.private_files import private_directory
from studiograph.settings import Settings
from studiograph.walkthrough import wheel
from studiograph.walkthrough.api import Api, Listener, Refusal
from studiograph.walkthrough.narrator import Teller
from studiograph.walkthrough.notebook import Notebook
from studiograph.walkthrough.server import client, own_server

START_LIMIT = 900.0
"""Seconds: the first start may build an image."""
STOP_LIMIT = 120.0
WORDS = "written by a cell"

PLACES = """{ serverInfo { version dialAddress } workspace(by: { slug: "demo" }) {
  id templates { id name } computeEnvironments { id name kind } } }"""
EVENTS = """subscription ($studioId: ID!) { studioEvents(scope: { studioId: $studioId }) { __typename
  ... on StudioStatusEvent { status statusMessage stopReason } ... on StudioDeletedEvent { studioName } } }"""
CHECKPOINTS = "query ($id: ID!) { studio(id: $id) { checkpoints { nodes { name status size } } } }"
STUDIO = "... on StudioPayload { studio { id } }"


async def walk(*, keep: bool) -> bool:
    """Tell it on each kind of compute environment that this machine has; False if it went wrong somewhere."""
    directory = Path(tempfile.mkdtemp(prefix="studiograph-demo-"))
    _share_tools(directory)
    teller = Teller()
    try:
        async with own_server(directory) as (url, token), client() as http:
            teller.remark(f"a server of its own at {url}, its data in {directory}")
            left_out = await _on_each_kind(Api(http, url, token), http, directory, teller)
        teller.total(f"in all. Everything worked{' but what was left out' if left_out else ''}.")
    except (Refusal, OperatorError, TimeoutError, aiohttp.ClientError) as error:
        teller.remark(f"It went wrong: {error or type(error).__name__}. The server's log: {directory / 'server.log'}")
        return False
    if keep:
        teller.remark(f"Kept: {directory}")
    else:
        shutil.rmtree(directory, ignore_errors=True)
    return True


async def _on_each_kind(api: Api, http: aiohttp.ClientSession, directory: Path, teller: Teller) -> bool:
    """Whether one had to be left out. Raises Refusal if all had to be."""
    places = await api.ask(PLACES)
    workspace, dial = places["workspace"], places["serverInfo"]["dialAddress"]
    package = wheel.build(directory)
    environments, left_out = workspace["computeEnvironments"], 0
    for environment in environments:
        teller.remark(f"On {environment['name']} (kind {environment['kind']}):")
        given = {"workspaceId": workspace["id"], "templateId": workspace["templates"][0]["id"], "computeEnvironmentId": environment["id"]}
        try:
            await Story(api, http, teller, dial, package, given).tell()
        except CannotBuild as reason:
            teller.remark(f"Left out, since this machine cannot build what it runs. {reason}")
            left_out += 1
    if left_out == len(environments):
        raise Refusal("there was nothing else to tell it on")
    return left_out > 0


def _share_tools(directory: Path) -> None:
    """JupyterLab takes half a minute to install: use what `make run` installed, and leave it to the next one."""
    shared = private_directory(Settings().data_dir)
    (directory / "tools").symlink_to(private_directory(shared / "tools"))


class CannotBuild(Exception):
    """The image could not be built here; the text says why."""


@dataclass(slots=True)
class Story:
    """One Studio's life."""

    api: Api
    http: aiohttp.ClientSession
    teller: Teller
    dial: str
    package: Path
    given: dict[str, Any]
    studio: str = ""

    async def tell(self) -> None:
        """Raises CannotBuild, Refusal, TimeoutError and what the HTTP client raises."""
        with self.teller.step("created a Studio"):
            payload = await self.api.do("createStudio", STUDIO, name="Told by make demo", autoStart=False, **self.given)
            self.studio = payload["studio"]["id"]
        events = Listener(self.api.stream(EVENTS, studioId=self.studio))
        try:
            with self.teller.step("subscribed to its events; a snapshot came"):
                await events.until("__typename", "StudioStatusSnapshot", 10)
            await self._first_session(events)
            await self._second_session(events)
            with self.teller.step("deleted it"):
                await self.api.do("deleteStudio", "__typename", studioId=self.studio)
                await events.until("__typename", "StudioDeletedEvent", 10)
        except CannotBuild:
            await self.api.do("deleteStudio", "__typename", studioId=self.studio)  # the next place's has the same name
            raise
        finally:
            await events.close()

    async def _first_session(self, events: Listener) -> None:
        await self._start(events, "started it")
        async with self._notebook() as notebook:
            with self.teller.step("ran a cell that writes a file"):
                await notebook.run(f"open('note.txt', 'w').write({WORDS!r})")
            with self.teller.step("uploaded a package, and ran a cell that installs it"):
                await notebook.upload(self.package.name, self.package.read_bytes())
                await notebook.run(f"%pip install --quiet --no-index --no-deps ./{self.package.name}")
                await self._expect(notebook, f"import {wheel.NAME}; print({wheel.NAME}.WORDS)", wheel.WORDS)
        await self._stop(events)
        with self.teller.step("saw the checkpoint") as more:
            studio = (await self.api.ask(CHECKPOINTS, id=self.studio))["studio"]
            more += [f"{node['name']} {node['status']}, {node['size']} bytes" for node in studio["checkpoints"]["nodes"]]

    async def _second_session(self, events: Listener) -> None:
        await self._start(events, "started it again, from the checkpoint")
        async with self._notebook() as notebook:
            with self.teller.step("found the file"):
                await self._expect(notebook, "print(open('note.txt').read())", WORDS)
            with self.teller.step("found the package"):
                await self._expect(notebook, f"import {wheel.NAME}; print({wheel.NAME}.WORDS)", wheel.WORDS)
        await self._stop(events)

    async def _start(self, events: Listener, what: str) -> None:
        with self.teller.step(f"{what}; RUNNING came by the subscription") as more:
            await self.api.do("startStudio", STUDIO, studioId=self.studio)
            more += _statuses(await self._until("RUNNING", events, START_LIMIT))

    async def _stop(self, events: Listener) -> None:
        with self.teller.step("stopped it; STOPPED came by the subscription") as more:
            await self.api.do("stopStudio", STUDIO, studioId=self.studio)
            more += _statuses(await self._until("STOPPED", events, STOP_LIMIT))

    async def _until(self, status: str, events: Listener, limit: float) -> list[dict[str, Any]]:
        """Frames up to `status`; an ERRORED on the way ends the story with its reason."""
        seen: list[dict[str, Any]] = []
        while not seen or seen[-1].get("status") != status:
            seen += await events.until("__typename", "StudioStatusEvent", limit)
            if seen[-1]["status"] == "BUILD_FAILED":
                raise CannotBuild(seen[-1]["statusMessage"])
            if seen[-1]["status"] == "ERRORED":
                raise Refusal(f"the Studio ended in ERRORED ({seen[-1]['stopReason']}): {seen[-1]['statusMessage']}")
        return seen

    @contextlib.asynccontextmanager
    async def _notebook(self) -> AsyncIterator[Notebook]:
        with self.teller.step("connected: exchanged the one-time code, opened a kernel's WebSocket through the proxy"):
            payload = await self.api.do("connectStudio", "... on ConnectStudioPayload { url }", studioId=self.studio)
            notebook = await Notebook.open(self.http, self.dial, payload["url"])
            await notebook.start_kernel()
        try:
            yield notebook
        finally:
            await notebook.close()

    async def _expect(self, notebook: Notebook, code: str, words: str) -> None:
        printed = await notebook.run(code)
        if words not in printed:
            raise Refusal(f"the cell printed {printed!r} instead of {words!r}")


def _statuses(frames: list[dict[str, Any]]) -> list[str]:
    return [" -> ".join(frame["status"] for frame in frames if frame["__typename"] == "StudioStatusEvent")]
