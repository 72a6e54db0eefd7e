"""The client of a Docker Engine: every call has a time limit, and ends with an answer, a clear refusal, or ComputeUnknown.

aiodocker provides the connection, the API version, TLS and upgraded streams. Its wrappers are not used: they lack calls that are needed
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

from services.compute.docker.connection_errors import CANNOT_CONNECT, connection_failure
from services.compute.protocol import ComputeFailed, ComputeUnknown, EngineSilent

CALL_TIMEOUT_SECONDS = 15.0
"""The time limit of a call that an engine answers at once; longer calls pass their own limit."""
CLOSED_MESSAGE = "the connection to the Docker Engine was closed"
UNIX_SCHEME = "unix://"
NOT_FOUND, CONFLICT, BROKEN = 404, 409, 500
POSITIVE_FAILURES = (
    "no space left on device",
    "max depth exceeded",
    "OCI runtime create failed",
    "could not select device driver",
    "Error processing tar file",
    "failed to create shim",
)
"""Texts of errors with the status 500 that are definite: the same call would fail again."""


Archive = bytes | AsyncIterator[bytes]
"""A tar that is sent as the body of a request, at once or in pieces."""


class Absent(Exception):
    """The engine answered that the object does not exist (404)."""


class Conflict(Exception):
    """The engine refused because of another object (409): a name in use, a container that runs, an image that is needed."""


class Engine:
    """A client of the engine at `url`, such as `unix:///var/run/docker.sock`. Connections are opened when they are first needed."""

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
        limit: float = CALL_TIMEOUT_SECONDS,
    ) -> Any:
        """Sends a request and returns its JSON answer. Raises Absent, Conflict, ComputeFailed (refused), else ComputeUnknown."""
        with_json = {name: json.dumps(value) if isinstance(value, dict | list) else value for name, value in (params or {}).items()}
        async with self._answering(path, limit):
            return await self._client()._query_json(path, method, params=with_json, data=body)

    async def ping(self, limit: float = CALL_TIMEOUT_SECONDS) -> None:
        """Checks that the engine answers; a refusal is an answer too. Raises ComputeUnknown."""
        with suppress(Absent, Conflict, ComputeFailed):
            await self.call("GET", "_ping", limit=limit)

    async def find(self, path: str) -> dict[str, Any] | None:
        """Returns the object that `GET path` shows; None if the engine answers that it does not exist. Raises as `call`."""
        try:
            answer = await self.call("GET", path)
        except Absent:
            return None
        except Conflict as error:
            raise ComputeUnknown(f"the Docker Engine answered with an error: {error}") from error
        if not isinstance(answer, dict) or not answer.get("Id"):
            raise ComputeUnknown(f"the Docker Engine's answer cannot be read ({path.split('/')[0]})")
        return answer

    async def all(self, path: str, **params: Any) -> list[dict[str, Any]]:
        """Returns the objects that `GET path` lists. Raises as `call`, but ComputeUnknown for an engine without such a list."""
        try:
            answer = await self.call("GET", path, params=params)
        except (Absent, Conflict) as error:
            raise ComputeUnknown(f"the Docker Engine does not list its {path.split('/')[0]}: {error}") from error
        if not isinstance(answer, list):
            raise ComputeUnknown(f"the Docker Engine's answer cannot be read ({path.split('/')[0]})")
        return answer

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any],
        limit: float = CALL_TIMEOUT_SECONDS,
        *,
        archive: Archive | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Sends a request whose answer is read in pieces. `limit` is until it begins; `reading` translates errors after that.

        `archive` is a tar that is sent as the body; `body` one in JSON.
        """
        headers = {"Content-Type": "application/x-tar"} if archive is not None else None
        data = json.dumps(body) if body is not None else archive
        query = self._client()._query(path, method, params=dict(params), data=data, headers=headers, timeout=aiohttp.ClientTimeout())
        async with self._answering(path, limit):
            response = await query.__aenter__()
        try:
            yield response
        finally:
            response.close()

    @asynccontextmanager
    async def reading(self, path: str, limit: float | None = None) -> AsyncIterator[None]:
        """Translates a lost connection into ComputeUnknown while the body of `stream` is read."""
        async with self._answering(path, limit):
            yield

    @asynccontextmanager
    async def attaching(self, container_id: str, limit: float = CALL_TIMEOUT_SECONDS) -> AsyncIterator[Stream]:
        """Attaches to the input of a container that is to be started, and closes it at the end. Raises as `call`."""
        stream = self._client().containers.container(container_id).attach(stdin=True)
        try:
            async with self._answering("attach", limit):
                await stream._init()
            yield stream
        finally:
            await stream.close()

    async def feed(self, stream: Stream, data: bytes, limit: float = CALL_TIMEOUT_SECONDS) -> None:
        """Writes into an attached input."""
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
            raise ComputeUnknown(CLOSED_MESSAGE)
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
            raise (connection_failure(self.url, error) if error.status == CANNOT_CONNECT else _meaning(error)) from error
        except TimeoutError as error:
            raise EngineSilent(f"the Docker Engine at {self.url} did not answer within {limit or 0:g} s ({path.split('/')[0]})") from error
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError) as error:
            raise connection_failure(self.url, error) from error
        except (aiohttp.ClientError, ValueError) as error:
            raise ComputeUnknown(f"the Docker Engine's answer cannot be read ({path.split('/')[0]})") from error
        except (RuntimeError, AssertionError) as error:  # aiohttp's, where this side closed the connection meanwhile
            if not self._is_closed:
                raise
            raise ComputeUnknown(CLOSED_MESSAGE) from error


def _connected(url: str) -> Docker:
    """Without a limit of connections: aiodocker's own is 100, and every attached stream and every wait keeps one."""
    if url.startswith(UNIX_SCHEME):
        return Docker("http://docker", connector=aiohttp.UnixConnector(url.removeprefix(UNIX_SCHEME), limit=0))
    return Docker(url)


def _meaning(error: DockerError) -> Exception:
    """Translates an engine's error. Status 0: an error inside a stream."""
    text = error.message.strip()
    if error.status == NOT_FOUND:
        return Absent(text)
    if error.status == CONFLICT:
        return Conflict(text)
    if error.status == 0 or error.status < BROKEN or (error.status == BROKEN and any(known in text for known in POSITIVE_FAILURES)):
        return ComputeFailed(f"The Docker Engine refused: {text}")
    return ComputeUnknown(f"the Docker Engine answered: {text}")
