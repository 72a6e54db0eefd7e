"""Implements `Compute` for the `docker` kind: each method is a few steps over the modules of this package."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from dataclasses import replace
from datetime import timedelta
from functools import partial
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, cast
from weakref import WeakSet, WeakValueDictionary

from services.compute import http_probe
from services.compute.docker import (
    bridges,
    capacity,
    containers,
    engine_marker,
    env_vars,
    firewall,
    naming,
    programs,
    reach,
    request_bodies,
    session_events,
    stats,
    tool_address,
)
from services.compute.docker.checkpoints import Checkpoints
from services.compute.docker.containers import Containers
from services.compute.docker.engine import Absent, Engine
from services.compute.docker.image_builder import ImageBuilder
from services.compute.docker.images import Images
from services.compute.docker.logs import Logs
from services.compute.docker.networks import Networks
from services.compute.docker.observation import observation
from services.compute.docker.reach import Mode, Reach
from services.compute.docker.recipe_book import RecipeBook
from services.compute.docker.request_bodies import Image
from services.compute.protocol import (
    Change,
    ComputeFailed,
    ComputeUnknown,
    ImageBuild,
    ImageSpec,
    Observation,
    OutputChunk,
    OutputSink,
    Presence,
    Progress,
    Report,
    Saved,
    SaveRequest,
    SessionSpec,
    Upstream,
    Usage,
)
from services.compute.session_programs import SessionFiles, SessionProgram
from services.domain.session_name import SessionName

DEFAULT_SUBNET_POOL = IPv4Network("10.213.0.0/16")
CANCELLED_START_TIMEOUT_SECONDS = 15.0


class DockerCompute:
    """Sessions as containers of the Docker Engine at `url`.

    `installation` and `environment_id` are in the labels of everything, so that several servers and compute environments can share an
    engine. `pool` is what the sessions' networks get their subnets from; `mode` says how sessions are reached (None: found out);
    `recipes` are the images that can be built. Below `staging_root` the files of running sessions are copied for saves with a short pause.
    """

    def __init__(
        self,
        url: str,
        installation: str,
        environment_id: str,
        *,
        pool: IPv4Network = DEFAULT_SUBNET_POOL,
        mode: Mode | None = None,
        recipes: RecipeBook | None = None,
        staging_root: Path | None = None,
    ) -> None:
        self._url = url
        self._installation = installation
        self._environment_id = environment_id
        self._engine = Engine(url)
        self._images = Images(self._engine)
        self._checkpoints = Checkpoints(self._engine, self._images, staging_root)
        self._containers = Containers(self._engine, installation, environment_id)
        self._networks = Networks(self._engine, environment_id, pool)
        self._logs = Logs(self._engine, self._containers.find)
        self._image_builder = ImageBuilder(self._engine, environment_id, self._images, recipes or RecipeBook())
        self._fixed_reach = self._reach = Reach(mode) if mode else None
        self._joined: set[SessionName] = set()
        self._locks: WeakValueDictionary[SessionName, asyncio.Lock] = WeakValueDictionary()
        self._event_engines: WeakSet[Engine] = WeakSet()

    async def engine_id(self) -> str | None:
        return await engine_marker.read(self._engine)

    async def mark_engine(self, engine_id: str) -> str:
        """Raises ComputeFailed where a volume of the marker's name exists that is not ours."""
        if marked := await engine_marker.write(self._engine, engine_id):
            return marked
        raise ComputeFailed(f"The volume {naming.ENGINE_VOLUME} on the Docker Engine has no label {naming.ENGINE}. Remove it.")

    async def check(self) -> Report:
        """Checks the engine, detects how sessions are reached, and adds the firewall rules if this process may.

        Also removes copies of files of sessions that are gone.
        """
        self._reach = self._fixed_reach
        await self._checkpoints.staged.sweep(self._containers.ids)
        return await self._report(close=True)

    async def inspect(self) -> Report:
        """Returns the same report as `check` without changing anything."""
        return await self._report(close=False)

    async def _report(self, *, close: bool) -> Report:
        info, current_reach = await self._info(), await self._find_reach()
        is_local = current_reach.mode is Mode.DIRECT
        open_host = await firewall.why_open(await self._networks.bridges(), close=close) if is_local else firewall.REMOTE_FILTER_MESSAGE
        return capacity.report(info, current_reach.mode, open_host)

    async def ensure_image(self, image: ImageSpec, progress: Progress) -> None:
        await self._images.ensure(image, progress)

    async def build_image(self, build: ImageBuild, printed: OutputSink) -> None:
        await self._image_builder.build(build, printed)

    async def ensure_session(self, spec: SessionSpec, progress: Progress) -> None:
        async with self._lock(spec.name):
            container = await self._containers.find(spec.name)
            if container is not None and (containers.not_started(container) or containers.not_loaded(container)):
                await self._containers.remove(container["Id"])
                container = None
            if container is None:
                await _run_to_completion(self._make(spec, await self._image(spec, progress)))

    async def _make(self, spec: SessionSpec, image: Image) -> None:
        """Creates and starts the session. The network is created meanwhile: an engine needs it only when the container starts."""
        container_id = await _run_both(self._create(spec, image), self._networks.ensure(spec.name))
        await self._containers.start(container_id, env_vars.script(request_bodies.tool_env_vars(spec), image.config))

    async def _create(self, spec: SessionSpec, image: Image) -> str:
        current_reach = await self._find_reach()
        body = request_bodies.container(spec, image, self._environment_id, published=current_reach.mode is Mode.PUBLISHED)
        return await self._containers.require_shell(await self._containers.create(spec.name, body), image.id)

    async def _image(self, spec: SessionSpec, progress: Progress) -> Image:
        if spec.base is not None:
            return await self._checkpoints.base(spec.base, spec.base_digest)
        return await self._images.ensure(spec.image, progress)

    async def probe(self, name: SessionName, port: int, ready_path: str) -> Upstream | None:
        container = await self._containers.find(name)
        if container is None or not container["State"]["Running"]:
            return None
        current_reach = await self._join(name)
        upstream = tool_address.at_port(container, name, port, current_reach.mode)
        if upstream is None:
            return None
        connect = partial(asyncio.open_connection, upstream.host, upstream.port)
        return upstream if await http_probe.answers(connect, ready_path) else None

    async def observe(self, name: SessionName) -> Observation:
        """Returns the observation. Resumes a session that a save of this server left paused, but no other paused one."""
        container = await self._containers.find(name)
        if container is None:
            return Observation(Presence.ABSENT)
        if self._checkpoints.left_paused(container):
            await self._containers.unpause(container)
        await self._checkpoints.staged.resume_left(container)
        observed = observation(container)
        if observed.presence is not Presence.RUNNING:
            return observed
        return replace(observed, upstream=tool_address.of_unknown_port(container, name, (await self._join(name)).mode))

    async def stop(self, name: SessionName, grace: timedelta) -> None:
        container = await self._containers.find(name)
        if container is not None:
            await self._containers.stop(container, grace)

    async def new_reference(self, name: SessionName, checkpoint_id: str, *, interim: bool) -> str:
        container = await self._containers.find(name) if interim else None
        return await self._checkpoints.new_reference(name, checkpoint_id, container)

    async def final_saves(self, name: SessionName, checkpoint_id: str) -> list[str]:
        return await self._checkpoints.finals(name, checkpoint_id)

    async def save(self, request: SaveRequest) -> Saved:
        """Saves the session. A running one is paused while what changed last is copied, or until the engine has committed it."""
        if saved := await self._checkpoints.find(request):
            return saved
        container = await self._containers.settled(request.name, self._checkpoints.settle)
        if container is None:
            raise ComputeFailed("The session's container was removed, so that there is nothing to save.")
        if not request.interim and observation(container).presence is Presence.RUNNING:
            raise ComputeUnknown("the session has not ended yet")
        return await self._checkpoints.save(container, request)

    async def flat_reference(self, reference: str, checkpoint_id: str) -> str:
        return self._checkpoints.flat_reference(reference, checkpoint_id)

    async def flatten(self, reference: str, target: str) -> Saved:
        return await self._checkpoints.flatten(reference, target)

    async def rebase(self, source: Saved, image: ImageSpec, target: str) -> Saved:
        template = await self._images.find(image.image)
        if template is None:
            raise ComputeUnknown(f"the image {image.image} was removed at this moment")
        return await self._checkpoints.rebase(source, template.id, target)

    async def session_files(self, name: SessionName, source: Saved, image: ImageSpec) -> SessionFiles:
        template = await self._images.find(image.image)
        if template is None:
            return SessionFiles((), unread=f"The image {image.image} of the new template was removed from the engine.")
        return await self._checkpoints.session_files(source, template.id)

    async def run(self, name: SessionName, program: SessionProgram) -> bytes:
        container = await self._containers.find(name)
        if container is None:
            raise ComputeFailed("The session is not there, so that nothing can be run in it.")
        return await programs.run(self._engine, container["Id"], program)

    async def remove(self, name: SessionName) -> None:
        """Removes the container first: then nothing uses the network or an unfinished save any more. Raises ComputeUnknown."""
        async with self._lock(name):
            container = await self._containers.find(name)
            if container is not None:
                await self._checkpoints.at_work(container["Id"])
                await self._checkpoints.sweep_unnamed(container["Id"])
                await self._containers.remove(container["Id"])
                await self._checkpoints.staged.remove(container["Id"])
            await self._networks.remove(name)
            self._joined.discard(name)
            if await self._shares_interfaces():
                await bridges.discard(naming.bridge(name))

    async def has_checkpoint(self, reference: str, digest: str | None) -> bool:
        return await self._checkpoints.is_there(reference, digest)

    async def remove_checkpoint(self, reference: str) -> None:
        await self._checkpoints.remove(reference)

    async def checkpoints(self) -> list[str]:
        return await self._checkpoints.all(self._installation)

    async def sessions(self) -> list[tuple[SessionName, Observation]]:
        sessions = []
        for container in await self._containers.all():
            name = naming.read(container["Config"]["Labels"])
            if name is not None:
                sessions.append((name, observation(container)))
        return sessions

    def watch(self) -> AsyncIterator[Change]:
        engine = Engine(self._url)
        self._event_engines.add(engine)
        return session_events.watch(engine, self._installation, self._environment_id)

    async def tail(self, name: SessionName, limit: int) -> bytes:
        return await self._logs.tail(name, limit)

    def follow(self, name: SessionName, cursor: str | None) -> AsyncGenerator[OutputChunk]:
        return self._logs.follow(name, cursor)

    async def stats(self, name: SessionName) -> Usage | None:
        """Returns the usage. Requests it by name first: looking for the container before each of these calls would double their number."""
        try:
            return await stats.usage(self._engine, str(name))
        except Absent:
            container = await self._containers.find(name)
        return await stats.usage(self._engine, container["Id"]) if container else None

    async def close(self) -> None:
        await self._checkpoints.close()
        for engine in (self._engine, *self._event_engines):
            await engine.close()

    async def _info(self) -> dict[str, Any]:
        info: dict[str, Any] = await self._engine.call("GET", "info")
        return info

    async def _join(self, name: SessionName) -> Reach:
        """Attaches this server's own container, if there is one, to the session's network: once in each process."""
        current_reach = await self._find_reach()
        if current_reach.own_container and name not in self._joined:
            await self._networks.attach(name, current_reach.own_container)
            self._joined.add(name)
        return current_reach

    async def _find_reach(self) -> Reach:
        if self._reach is None:
            self._reach = await reach.find(self._engine)
        return self._reach

    async def _shares_interfaces(self) -> bool:
        """Returns whether the engine's bridges are interfaces that this process sees."""
        try:
            return (await self._find_reach()).mode is Mode.DIRECT
        except ComputeFailed:
            return False

    def _lock(self, name: SessionName) -> asyncio.Lock:
        """Locks within this process. Between processes, the engine refuses a second container of the same name."""
        return self._locks.setdefault(name, asyncio.Lock())


async def _run_both(first: Coroutine[Any, Any, str], second: Coroutine[Any, Any, Any]) -> str:
    """Runs both at once, and returns the result of `first`. Both have ended before an error is raised, so that nothing goes on after it."""
    results = await asyncio.gather(first, second, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return cast("str", results[0])


async def _run_to_completion(work: Coroutine[Any, Any, None]) -> None:
    """Finishes what was begun even when it is cancelled: the engine goes on in any case, and a session without its variables would end."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task], timeout=CANCELLED_START_TIMEOUT_SECONDS)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise
