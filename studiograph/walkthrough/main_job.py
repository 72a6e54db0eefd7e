"""Runs the main job of a user against a server of its own: create, start, work, stop, start again, delete."""

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
from studiograph.walkthrough.api_client import ApiClient, ApiError, FrameCollector
from studiograph.walkthrough.notebook import Notebook
from studiograph.walkthrough.server import client, own_server
from studiograph.walkthrough.step_printer import StepPrinter

START_TIMEOUT_S = 900.0
"""How long a start may take, in seconds: the first may build an image."""
STOP_TIMEOUT_S = 120.0
NOTE_TEXT = "written by a cell"

DEMO_WORKSPACE = """{ serverInfo { version dialAddress } workspace(by: { slug: "demo" }) {
  id templates { id name } computeEnvironments { id name kind } } }"""
EVENTS = """subscription ($studioId: ID!) { studioEvents(scope: { studioId: $studioId }) { __typename
  ... on StudioStatusEvent { status statusMessage stopReason } ... on StudioDeletedEvent { studioName } } }"""
CHECKPOINTS = "query ($id: ID!) { studio(id: $id) { checkpoints { nodes { name status size } } } }"
STUDIO = "... on StudioPayload { studio { id } }"


async def walk(*, keep: bool) -> bool:
    """Runs the main job in each compute environment that this machine has, and prints it. Returns False if it failed in one."""
    directory = Path(tempfile.mkdtemp(prefix="studiograph-demo-"))
    _share_tools(directory)
    printer = StepPrinter()
    try:
        async with own_server(directory) as (url, token), client() as http:
            printer.remark(f"a server of its own at {url}, its data in {directory}")
            left_out = await _run_in_each_environment(ApiClient(http, url, token), http, directory, printer)
        printer.total(f"in all. Everything worked{' but what was left out' if left_out else ''}.")
    except (ApiError, OperatorError, TimeoutError, aiohttp.ClientError) as error:
        printer.remark(f"It went wrong: {error or type(error).__name__}. The server's log: {directory / 'server.log'}")
        return False
    if keep:
        printer.remark(f"Kept: {directory}")
    else:
        shutil.rmtree(directory, ignore_errors=True)
    return True


async def _run_in_each_environment(api: ApiClient, http: aiohttp.ClientSession, directory: Path, printer: StepPrinter) -> bool:
    """Runs the scenario in each environment. Returns whether one was left out. Raises ApiError if all were."""
    demo = await api.request(DEMO_WORKSPACE)
    workspace, dial = demo["workspace"], demo["serverInfo"]["dialAddress"]
    package = wheel.build(directory)
    environments, left_out = workspace["computeEnvironments"], 0
    for environment in environments:
        printer.remark(f"On {environment['name']} (kind {environment['kind']}):")
        fields = {"workspaceId": workspace["id"], "templateId": workspace["templates"][0]["id"], "computeEnvironmentId": environment["id"]}
        try:
            await Scenario(api, http, printer, dial, package, fields).run()
        except ImageBuildFailed as reason:
            printer.remark(f"Left out, since this machine cannot build what it runs. {reason}")
            left_out += 1
    if left_out == len(environments):
        raise ApiError("no compute environment could run it")
    return left_out > 0


def _share_tools(directory: Path) -> None:
    """JupyterLab takes half a minute to install: use what `make run` installed, and leave it to the next one."""
    shared = private_directory(Settings().data_dir)
    (directory / "tools").symlink_to(private_directory(shared / "tools"))


class ImageBuildFailed(Exception):
    """The image could not be built here; the text says why."""


@dataclass(slots=True)
class Scenario:
    """The life of one Studio, from its creation to its deletion."""

    api: ApiClient
    http: aiohttp.ClientSession
    printer: StepPrinter
    dial: str
    package: Path
    fields: dict[str, Any]
    studio: str = ""

    async def run(self) -> None:
        """Runs all steps. Raises ImageBuildFailed, ApiError, TimeoutError and what the HTTP client raises."""
        with self.printer.step("created a Studio"):
            payload = await self.api.mutate("createStudio", STUDIO, name="Made by make demo", autoStart=False, **self.fields)
            self.studio = payload["studio"]["id"]
        events = FrameCollector(self.api.stream(EVENTS, studioId=self.studio))
        try:
            with self.printer.step("subscribed to its events; a snapshot came"):
                await events.until("__typename", "StudioStatusSnapshot", 10)
            await self._first_session(events)
            await self._second_session(events)
            with self.printer.step("deleted it"):
                await self.api.mutate("deleteStudio", "__typename", studioId=self.studio)
                await events.until("__typename", "StudioDeletedEvent", 10)
        except ImageBuildFailed:
            await self.api.mutate("deleteStudio", "__typename", studioId=self.studio)  # the next environment's Studio has the same name
            raise
        finally:
            await events.close()

    async def _first_session(self, events: FrameCollector) -> None:
        await self._start(events, "started it")
        async with self._notebook() as notebook:
            with self.printer.step("ran a cell that writes a file"):
                await notebook.run(f"open('note.txt', 'w').write({NOTE_TEXT!r})")
            with self.printer.step("uploaded a package, and ran a cell that installs it"):
                await notebook.upload(self.package.name, self.package.read_bytes())
                await notebook.run(f"%pip install --quiet --no-index --no-deps ./{self.package.name}")
                await self._expect(notebook, f"import {wheel.NAME}; print({wheel.NAME}.GREETING)", wheel.GREETING)
        await self._stop(events)
        with self.printer.step("saw the checkpoint") as details:
            studio = (await self.api.request(CHECKPOINTS, id=self.studio))["studio"]
            details += [f"{node['name']} {node['status']}, {node['size']} bytes" for node in studio["checkpoints"]["nodes"]]

    async def _second_session(self, events: FrameCollector) -> None:
        await self._start(events, "started it again, from the checkpoint")
        async with self._notebook() as notebook:
            with self.printer.step("found the file"):
                await self._expect(notebook, "print(open('note.txt').read())", NOTE_TEXT)
            with self.printer.step("found the package"):
                await self._expect(notebook, f"import {wheel.NAME}; print({wheel.NAME}.GREETING)", wheel.GREETING)
        await self._stop(events)

    async def _start(self, events: FrameCollector, what: str) -> None:
        with self.printer.step(f"{what}; RUNNING came by the subscription") as details:
            await self.api.mutate("startStudio", STUDIO, studioId=self.studio)
            details += _statuses(await self._until("RUNNING", events, START_TIMEOUT_S))

    async def _stop(self, events: FrameCollector) -> None:
        with self.printer.step("stopped it; STOPPED came by the subscription") as details:
            await self.api.mutate("stopStudio", STUDIO, studioId=self.studio)
            details += _statuses(await self._until("STOPPED", events, STOP_TIMEOUT_S))

    async def _until(self, status: str, events: FrameCollector, limit: float) -> list[dict[str, Any]]:
        """Returns the frames up to `status`. Raises ApiError or ImageBuildFailed where the Studio fails before."""
        frames: list[dict[str, Any]] = []
        while not frames or frames[-1].get("status") != status:
            frames += await events.until("__typename", "StudioStatusEvent", limit)
            if frames[-1]["status"] == "BUILD_FAILED":
                raise ImageBuildFailed(frames[-1]["statusMessage"])
            if frames[-1]["status"] == "ERRORED":
                raise ApiError(f"the Studio ended in ERRORED ({frames[-1]['stopReason']}): {frames[-1]['statusMessage']}")
        return frames

    @contextlib.asynccontextmanager
    async def _notebook(self) -> AsyncIterator[Notebook]:
        with self.printer.step("connected: exchanged the one-time code, opened a kernel's WebSocket through the proxy"):
            payload = await self.api.mutate("connectStudio", "... on ConnectStudioPayload { url }", studioId=self.studio)
            notebook = await Notebook.open(self.http, self.dial, payload["url"])
            await notebook.start_kernel()
        try:
            yield notebook
        finally:
            await notebook.close()

    async def _expect(self, notebook: Notebook, code: str, expected: str) -> None:
        printed = await notebook.run(code)
        if expected not in printed:
            raise ApiError(f"the cell printed {printed!r} instead of {expected!r}")


def _statuses(frames: list[dict[str, Any]]) -> list[str]:
    return [" -> ".join(frame["status"] for frame in frames if frame["__typename"] == "StudioStatusEvent")]
