"""Describes in plain words why a Docker Engine could not be reached, without the texts of the client library."""

import errno
import os

from aiodocker.exceptions import DockerError
from aiohttp import ClientConnectorError

from services.compute.protocol import EngineSilent

CANNOT_CONNECT = 900
"""The status with which aiodocker reports that it has no connection; the cause is the error's context."""


def connection_failure(url: str, error: BaseException | None) -> EngineSilent:
    """Returns the error for a connection to the engine at `url` that was refused or lost."""
    if isinstance(error, DockerError):
        error = error.__cause__ or error.__context__
    if isinstance(error, ClientConnectorError):
        return EngineSilent(f"the Docker Engine at {url} cannot be reached: {_reason(error.os_error)}")
    return EngineSilent(f"the connection to the Docker Engine at {url} was lost")


def _reason(error: OSError) -> str:
    """Returns the operating system's words for the error, or the resolver's for a name that is not known."""
    if error.errno is not None and error.errno in errno.errorcode:
        return os.strerror(error.errno).lower()
    return (error.strerror or "no connection").lower()
