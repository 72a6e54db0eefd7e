"""A Docker Engine on a unix socket that answers as it is told: with an error, with half an answer, with silence.

Only for faults; what an engine really does is tested on a real one.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from services.compute.docker import naming
from services.compute.protocol import ImageSpec, SessionSpec
from services.domain.session_name import SessionName

VERSION = {"ApiVersion": "1.41", "Os": "linux", "Arch": "amd64"}
STATE: dict[str, Any] = {
    "Status": "exited",
    "Running": False,
    "Paused": False,
    "ExitCode": 0,
    "OOMKilled": False,
    "FinishedAt": "2026-01-01T00:00:00Z",
}
ENDED: dict[str, Any] = {"Id": "c" * 64, "Image": "sha256:" + "1" * 64, "State": STATE}

ENVIRONMENT = "e" * 32
NAME = SessionName("0123456789abcdef0123456789abcdef", "5" * 32, "abcdefghjkmn", 1)
LABELS = naming.labels(NAME, ENVIRONMENT)
IMAGE = ImageSpec("CUSTOM", "image:1", "")
SPEC = SessionSpec(NAME, IMAGE, 8000, "/", 1.0, 64, 0)
CONTAINER: dict[str, Any] = {**ENDED, "Config": {"Labels": LABELS}}


@dataclass
class FakeEngine:
    """`answers` maps the beginning of `METHOD path` (without version and query) to what is answered; the rest is a 404."""

    url: str
    answers: dict[str, Any] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    hangs: set[str] = field(default_factory=set)
    open_streams: int = 0
    events: "asyncio.Queue[bytes | None]" = field(default_factory=asyncio.Queue)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix("/v1.41")
        call = f"{request.method} {path}"
        self.calls.append(call)
        if any(call.startswith(beginning) for beginning in self.hangs):
            await asyncio.Event().wait()
        if path == "/version":
            return web.json_response(VERSION)
        if path == "/events":
            return await self._stream(request)
        for beginning, answer in self.answers.items():
            if call.startswith(beginning):
                return _response(answer)
        if path == "/_ping":
            return web.Response(text="OK")
        return web.json_response({"message": f"no such thing: {call}"}, status=404)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        """Pieces of the event stream; None breaks it off."""
        response = web.StreamResponse()
        await response.prepare(request)
        self.open_streams += 1
        try:
            while (piece := await self.events.get()) is not None:
                await response.write(piece)
            assert request.transport is not None
            request.transport.abort()
        finally:
            self.open_streams -= 1
        return response


def _response(answer: Any) -> web.Response:
    if isinstance(answer, tuple):
        status, text = answer
        return web.json_response({"message": text}, status=status)
    if isinstance(answer, bytes):
        return web.Response(body=answer, content_type="application/json")
    return web.json_response(answer)


@asynccontextmanager
async def fake_engine(directory: Path) -> AsyncIterator[FakeEngine]:
    path = directory / "engine.sock"
    engine = FakeEngine(f"unix://{path}")
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", engine.serve)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.UnixSite(runner, str(path)).start()
    try:
        yield engine
    finally:
        await runner.cleanup()


def event(action: str, labels: dict[str, str]) -> bytes:
    return json.dumps({"Type": "container", "Action": action, "Actor": {"ID": "c" * 64, "Attributes": labels}}).encode() + b"\n"
