"""What a test of a compute environment needs: a tiny tool to run, names, and a client for what it serves."""

import json
import shlex
import sys
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp

from services.compute.protocol import Compute, ImageSpec, Observation, Presence, Saved, SaveRequest, SessionSpec, Upstream, Usage
from services.domain.session_name import SessionName
from tests.waiting import eventually

TINY = Path(__file__).parents[1] / "tools" / "tiny.py"
INSTALLATION = "0123456789abcdef0123456789abcdef"
GRACE = timedelta(minutes=1)  # a busy machine needs longer than a user would; what ends by itself does not wait for it


async def quietly(message: str) -> None:
    """A Progress that nobody reads."""


def tiny_command() -> str:
    return shlex.join([sys.executable, "-I", str(TINY)])


@dataclass
class World:
    """One compute environment and the sessions a test makes in it."""

    compute: Compute
    image: ImageSpec
    installation: str = INSTALLATION
    names: list[SessionName] = field(default_factory=list)

    def name(self, number: int = 1, public_id: str = "abcdefghjkmn") -> SessionName:
        name = SessionName(self.installation, "5" * 32, public_id, number)
        if name not in self.names:
            self.names.append(name)
        return name

    def spec(self, name: SessionName, *, base: str | None = None, base_digest: str | None = None, **env_vars: str) -> SessionSpec:
        return SessionSpec(name, self.image, 8000, "/", 1.0, 0, 0, env_vars, base, base_digest)

    async def start(self, name: SessionName, *, base: str | None = None, base_digest: str | None = None, **env_vars: str) -> Upstream:
        """Create the session and wait until its tool answers."""
        await self.compute.ensure_session(self.spec(name, base=base, base_digest=base_digest, **env_vars), quietly)
        return await self.ready(name)

    async def ready(self, name: SessionName) -> Upstream:
        """Where its tool answers; fails at once with its output if it ends instead."""

        async def look() -> Upstream | None:
            observation = await self.compute.observe(name)
            assert observation.presence is Presence.RUNNING, (observation, await self.compute.tail(name, 2000))
            return await self.compute.probe(name, 8000, "/")

        upstream = await eventually(look)
        assert isinstance(upstream, Upstream)
        return upstream

    async def ended(self, name: SessionName) -> Observation:
        async def look() -> Observation | None:
            observation = await self.compute.observe(name)
            return observation if observation.presence is Presence.EXITED else None

        observation = await eventually(look)
        assert isinstance(observation, Observation)
        return observation

    async def logged(self, name: SessionName, text: bytes) -> bytes:
        """The session's output, once `text` is in it."""

        async def look() -> bytes | None:
            data = await self.compute.tail(name, 1 << 20)
            return data if text in data else None

        output = await eventually(look)
        assert isinstance(output, bytes)
        return output

    async def save(
        self, name: SessionName, checkpoint_id: str, *, interim: bool, secrets: tuple[str, ...] = (), recorded: Saved | None = None
    ) -> Saved:
        """A new save, as the controller makes it: under a name of its own."""
        reference = await self.compute.new_reference(name, checkpoint_id, interim=interim)
        return await self.compute.save(SaveRequest(name, reference, interim, secrets, recorded))

    async def presence(self, name: SessionName) -> Presence:
        return (await self.compute.observe(name)).presence


async def used(world: World, name: SessionName) -> Usage:
    """What a running session uses."""
    usage = await world.compute.stats(name)
    assert usage is not None
    return usage


async def ask(upstream: Upstream, method: str, path: str, data: bytes | None = None) -> tuple[int, bytes]:
    """One HTTP request to a session's tool, as the proxy would send it."""
    connector = aiohttp.UnixConnector(upstream.unix) if upstream.unix else None
    host = "localhost" if upstream.unix else f"{upstream.host}:{upstream.port}"
    async with (
        aiohttp.ClientSession(connector=connector, headers=upstream.headers) as session,
        session.request(method, f"http://{host}{upstream.path_prefix}{path}", data=data) as response,
    ):
        return response.status, await response.read()


async def put(upstream: Upstream, path: str, data: bytes) -> None:
    assert (await ask(upstream, "PUT", f"/files/{path}", data))[0] == 201


async def get(upstream: Upstream, path: str) -> bytes | None:
    status, data = await ask(upstream, "GET", f"/files/{path}")
    return data if status == 200 else None


async def ask_json(upstream: Upstream, path: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads((await ask(upstream, "GET", path))[1])
    return answer
