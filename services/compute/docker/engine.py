"""The one door to a Docker Engine: every call has a time limit, and every answer is an answer, a clear no, or unknown.

aiodocker gives the connection, the API version, TLS and upgraded streams. Its wrappers are left aside: they lack calls we need
(changes, size, update, raw logs), ask twice where once is enough, and their event stream never reconnects.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
from aiodocker import Docker
from aiodocker.exceptions import DockerError
from aiodocker.stream import Stream

from services.compute.protocol import ComputeFailed, ComputeUnknown

SECONDS = 15.0
"""For what an engine answers at once; longer work says its own limit."""
CLOSED = "the connection to the Docker Engine was closed"
UNIX = "unix://"
NOT_FOUND, CONFLICT, BROKEN = 404, 409, 500
POSITIVE_FAILURES = (
    "no space left on device",
    "max depth exceeded",
    "OCI runtime create failed",
    "could not select device driver",
    "Error processing tar file",
    "failed to create shim",
)
"""Texts with which an engine answers 500 although it is sure: the same call would fail again."""


class Absent(Exception):
    """The engine says positively that there is no such thing."""


class Conflict(Exception):
    """The engine refuses because of what is there: a name in use, a container that runs, an image that is needed."""


class Engine:
    """One engine by its address, such as `unix:///var/run/docker.sock`. Sockets are opened when first needed."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._docker: Docker | None = None
        self._is_closed = False

    async def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        limit: float = SECONDS,
    ) -> Any:
        """One request and its JSON answer. Raises Absent, Conflict, ComputeFailed for a clear no, ComputeUnknown for everything else."""
        with_json = {name: json.dumps(value) if isinstance(value, dict | list) else value for name, value in (params or {}).items()}
        async with self._answering(path, limit):
            return await self._client()._query_json(path, method, params=with_json, data=body)

    async def ping(self, limit: float = SECONDS) -> None:
        """Any answer is one, but for that it is broken. Raises ComputeUnknown."""
        with suppress(Absent, Conflict, ComputeFailed):
            await self.call("GET", "_ping", limit=limit)

    async def find(self, path: str) -> dict[str, Any] | None:
        """The thing that `GET path` shows; None where there is positively none. Raises as `call`."""
        try:
            found = await self.call("GET", path)
        except Absent:
            return None
        except Conflict as error:
            raise ComputeUnknown(f"the Docker Engine cannot tell: {error}") from error
        if not isinstance(found, dict) or not found.get("Id"):
            raise ComputeUnknown(f"the Docker Engine's answer cannot be read ({path.split('/')[0]})")
        return found

    async def all(self, path: str, **params: Any) -> list[dict[str, Any]]:
        """The things that `GET path` lists. Raises as `call`, but an engine without such a list is unknown."""
        try:
            found = await self.call("GET", path, params=params)
        except (Absent, Conflict) as error:
            raise ComputeUnknown(f"the Docker Engine does not list its {path.split('/')[0]}: {error}") from error
        if not isinstance(found, list):
            raise ComputeUnknown(f"the Docker Engine's answer cannot be read ({path.split('/')[0]})")
        return found

    @asynccontextmanager
    async def stream(
        self, method: str, path: str, params: Mapping[str, Any], limit: float = SECONDS, *, archive: bytes | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer that is read piece by piece; `limit` is until it begins. Errors while reading are the reader's: see `reading`.

        `archive` is a tar that is sent.
        """
        headers = {"Content-Type": "application/x-tar"} if archive is not None else None
        query = self._client()._query(path, method, params=dict(params), data=archive, headers=headers, timeout=aiohttp.ClientTimeout())
        async with self._answering(path, limit):
            response = await query.__aenter__()
        try:
            yield response
        finally:
            response.close()

    @asynccontextmanager
    async def reading(self, path: str, limit: float | None = None) -> AsyncIterator[None]:
        """For the body of `stream`: turns a lost connection into ComputeUnknown."""
        async with self._answering(path, limit):
            yield

    @asynccontextmanager
    async def attaching(self, container_id: str, limit: float = SECONDS) -> AsyncIterator[Stream]:
        """The input of a container, of one that is to be started; it is closed at the end. Raises as `call`."""
        stream = self._client().containers.container(container_id).attach(stdin=True)
        try:
            async with self._answering("attach", limit):
                await stream._init()
            yield stream
        finally:
            await stream.close()

    async def feed(self, stream: Stream, data: bytes, limit: float = SECONDS) -> None:
        """Write into an attached input."""
        async with self._answering("attach", limit):
            await stream.write_in(data)

    async def close(self) -> None:
        """Ends every call that is open, and refuses later ones: they raise ComputeUnknown."""
        self._is_closed = True
        if self._docker is not None:
            docker, self._docker = self._docker, None
            await docker.session.close()
            await docker.connector.close()

    def _client(self) -> Docker:
        if self._is_closed:
            raise ComputeUnknown(CLOSED)
        if self._docker is None:
            try:
                self._docker = _connected(self.url)
            except ValueError as error:
                raise ComputeFailed(f"The engine's address {self.url} cannot be used: {error}.") from error
        return self._docker

    @asynccontextmanager
    async def _answering(self, path: str, limit: float | None) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(limit):
                yield
        except DockerError as error:
            raise _meaning(error) from error
        except TimeoutError as error:
            raise ComputeUnknown(f"the Docker Engine did not answer within {limit or 0:g} s ({path.split('/')[0]})") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ComputeUnknown(f"the connection to the Docker Engine was lost: {error or type(error).__name__}") from error
        except (RuntimeError, AssertionError) as error:  # aiohttp's, where this side closed the connection meanwhile
            if not self._is_closed:
                raise
            raise ComputeUnknown(CLOSED) from error


def _connected(url: str) -> Docker:
    """aiodocker's own connector holds 100 connections, and every attached stream and every wait keeps one."""
    if url.startswith(UNIX):
        return Docker("http://docker", connector=aiohttp.UnixConnector(url.removeprefix(UNIX), limit=0))
    return Docker(url)


def _meaning(error: DockerError) -> Exception:
    """What an engine's error says. Status 900 = aiodocker could not connect; 0 = an error inside a stream."""
    text = error.message.strip()
    if error.status == NOT_FOUND:
        return Absent(text)
    if error.status == CONFLICT:
        return Conflict(text)
    if error.status == 0 or error.status < BROKEN or (error.status == BROKEN and any(known in text for known in POSITIVE_FAILURES)):
        return ComputeFailed(f"The Docker Engine refused: {text}")
    return ComputeUnknown(f"the Docker Engine says: {text}")
