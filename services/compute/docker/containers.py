"""Finds, creates, starts, stops and removes the containers of sessions."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from time import monotonic
from typing import Any

from services.compute.docker import env_vars, naming
from services.compute.docker.engine import CALL_TIMEOUT_SECONDS, Absent, Conflict, Engine
from services.compute.protocol import ComputeFailed, ComputeUnknown
from services.domain.session_name import SessionName

KILL_TIMEOUT_SECONDS = 20.0
"""How long a stop waits after SIGKILL: a process that waits for a broken disk may survive it for long."""
START_TIMEOUT_SECONDS = 120.0
REMOVE_TIMEOUT_SECONDS = 120.0
MAX_CONCURRENT_INSPECTIONS = 20
NAME_CONFLICT_TRIES, POLL_SECONDS = 50, 0.1
MAX_PAUSE_SECONDS = 540.0
"""How long a pause may belong to the save of a server that died: as long as a commit may take. Not shorter, since the end of that commit
resumes the session whoever paused it, so that the next save would see files half written."""
REQUIRED_KEYS = {"Config", "Image", "State"}
ENDED_STATES = ("created", "exited", "dead")
NO_SHELL = "The image has no /bin/sh, through which a session gets its variables. Add one (busybox is enough)."


class Containers:
    """The sessions' containers on one engine, for one compute environment."""

    def __init__(self, engine: Engine, installation: str, environment_id: str) -> None:
        self._engine = engine
        self._filter = naming.label_filter(installation, environment_id)
        self._environment_id = environment_id
        self._with_shell: set[str] = set()

    async def find(self, name: SessionName) -> dict[str, Any] | None:
        """Returns the session's container, also a renamed one. Raises ComputeFailed if another program uses the name."""
        inspected = await self._inspect(str(name))
        if inspected is None:
            return await self._find_renamed(name)
        naming.require(name, self._environment_id, inspected["Config"]["Labels"])
        return inspected

    async def _find_renamed(self, name: SessionName) -> dict[str, Any] | None:
        labels = [f"{key}={value}" for key, value in naming.labels(name, self._environment_id).items()]
        inspected = await self._engine.all("containers/json", all=True, filters={"label": labels})
        return await self._inspect(inspected[0]["Id"]) if inspected else None

    async def _inspect(self, reference: str) -> dict[str, Any] | None:
        inspected = await self._engine.find(f"containers/{reference}/json")
        if inspected is not None and not inspected.keys() >= REQUIRED_KEYS:
            raise ComputeUnknown("the Docker Engine's answer is incomplete (containers)")
        return inspected

    async def ids(self) -> list[str]:
        """Returns the ids of all containers of this compute environment."""
        return [str(container["Id"]) for container in await self._engine.all("containers/json", all=True, filters={"label": self._filter})]

    async def all(self) -> list[dict[str, Any]]:
        """Returns every container of this compute environment."""
        listed = await self._engine.all("containers/json", all=True, filters={"label": self._filter})
        few = asyncio.Semaphore(MAX_CONCURRENT_INSPECTIONS)

        async def inspect(container_id: str) -> dict[str, Any] | None:
            async with few:
                return await self._inspect(container_id)

        inspected = await asyncio.gather(*(inspect(container["Id"]) for container in listed))
        return [container for container in inspected if container is not None]

    async def create(self, name: SessionName, body: Mapping[str, Any]) -> str:
        """Returns the new container's id, or that of one which another controller created meanwhile. Raises ComputeFailed."""
        try:
            created = await self._engine.call(
                "POST", "containers/create", params={"name": str(name)}, body=body, limit=START_TIMEOUT_SECONDS
            )
        except Conflict as conflict:
            return await self._made_meanwhile(name, conflict)
        except Absent as absent:
            if "network" in str(absent):
                raise ComputeUnknown(f"the session's network is not there yet: {absent}") from absent
            raise ComputeFailed(f"The session's image was removed from the engine at this moment: {absent}") from absent
        return str(created["Id"])

    async def _made_meanwhile(self, name: SessionName, conflict: Conflict) -> str:
        """Waits for the other container: an engine reserves the name before the container can be seen."""
        for _ in range(NAME_CONFLICT_TRIES):
            if (inspected := await self.find(name)) is not None:
                return str(inspected["Id"])
            await asyncio.sleep(POLL_SECONDS)
        raise ComputeUnknown(f"the container's name is in use: {conflict}") from conflict

    async def require_shell(self, container_id: str, image_id: str) -> str:
        """Returns the id. Checks each image once, before the start, for a clearer error than that of docker-init. Raises ComputeFailed."""
        if image_id not in self._with_shell:
            try:
                async with self._engine.stream("GET", f"containers/{container_id}/archive", {"path": "/bin/sh"}):
                    self._with_shell.add(image_id)
            except Absent as absent:
                await self.remove(container_id)
                raise ComputeFailed(NO_SHELL) from absent
        return container_id

    async def start(self, container_id: str, script: bytes) -> None:
        """Starts it and sends it the script with its variables. Raises ComputeFailed."""
        async with self._engine.attaching(container_id) as entry:
            try:
                await self._engine.call("POST", f"containers/{container_id}/start", limit=START_TIMEOUT_SECONDS)
            except (Absent, Conflict) as error:
                raise ComputeUnknown(f"the session's container went away at its start: {error}") from error
            except ComputeFailed as failed:
                raise _explained(failed) from failed
            await self._engine.feed(entry, script)

    async def stop(self, container: Mapping[str, Any], grace: timedelta) -> None:
        """Sends SIGTERM and after `grace` (rounded up to seconds) SIGKILL. The engine does it, also if this call is cancelled."""
        container_id = container["Id"]
        if container["State"]["Status"] in ENDED_STATES:
            return
        seconds = math.ceil(grace.total_seconds())
        await self.unpause(container)
        try:
            await self._engine.call("POST", f"containers/{container_id}/stop", params={"t": seconds}, limit=seconds + KILL_TIMEOUT_SECONDS)
        except Absent:
            return
        except Conflict as conflict:
            raise ComputeUnknown(f"the session does not end: {conflict}") from conflict
        inspected = await self._inspect(container_id)
        if inspected is not None and inspected["State"]["Status"] not in ENDED_STATES:
            raise ComputeUnknown("the session's processes do not end, even when killed")

    async def settled(self, name: SessionName, settle: Callable[[Mapping[str, Any]], Awaitable[None]]) -> dict[str, Any] | None:
        """Returns the container once no save is at work on it.

        A second commit of a paused container does not pause it itself, so the end of the first would resume it in the middle of the second.
        `settle` waits for the end of a save of this server; a commit of a server that died ends by itself. What is still paused after
        MAX_PAUSE_SECONDS was left so by an engine that died or by a person, and is resumed.
        """
        began = monotonic()
        while (container := await self.find(name)) is not None:
            await settle(container)
            if not container["State"].get("Paused"):
                break
            if monotonic() - began > 2 * MAX_PAUSE_SECONDS:
                raise ComputeUnknown("the session is paused and does not continue")
            if monotonic() - began > MAX_PAUSE_SECONDS:
                await self.unpause(container)
            await asyncio.sleep(POLL_SECONDS)
        return container

    async def unpause(self, container: Mapping[str, Any]) -> None:
        """Resumes a paused container: a paused process does not receive SIGTERM."""
        if not container["State"].get("Paused"):
            return
        try:
            await self._engine.call("POST", f"containers/{container['Id']}/unpause")
        except (Absent, Conflict, ComputeUnknown):
            return  # a save has let go of it meanwhile

    async def remove(self, container_id: str) -> None:
        """Removes it with its anonymous volumes. Raises ComputeUnknown while the engine cannot."""
        try:
            await self._engine.call("DELETE", f"containers/{container_id}", params={"force": True, "v": True}, limit=REMOVE_TIMEOUT_SECONDS)
        except Absent:
            return
        except Conflict:  # somebody else removes it at this moment
            await self._gone(container_id)

    async def _gone(self, container_id: str) -> None:
        try:
            await self._engine.call("POST", f"containers/{container_id}/wait", params={"condition": "removed"}, limit=CALL_TIMEOUT_SECONDS)
        except Absent:
            return
        if await self._inspect(container_id) is not None:
            raise ComputeUnknown("the session's container is still being removed")


def _explained(failed: ComputeFailed) -> ComputeFailed:
    if "docker-init" in failed.message:
        return ComputeFailed("The engine's machine has no docker-init, which reaps what a tool leaves behind. On Debian: apt install tini.")
    return failed


def not_started(container: Mapping[str, Any]) -> bool:
    """Returns whether it was created and never started. It holds nothing yet, and an engine that died
    at its start may never start it ("task already exists")."""
    return bool(container["State"]["Status"] == "created")


def not_loaded(container: Mapping[str, Any]) -> bool:
    """Returns whether it ended since its variables never came: a server died between its start and sending them."""
    state = container["State"]
    return state["Status"] == "exited" and state["ExitCode"] == env_vars.NOT_LOADED_EXIT_CODE and not state["OOMKilled"]
