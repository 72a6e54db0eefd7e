"""Runs programs beside the tools of sessions, and lists the packages that sessions installed."""

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path

from services.compute.process.cancellation import run_program
from services.compute.process.overlay import PACKAGES, VENV_DIRECTORY
from services.compute.protocol import ComputeFailed
from services.compute.session_programs import SessionProgram

LISTED = ((VENV_DIRECTORY, "bin"), (VENV_DIRECTORY, *PACKAGES))
"""The directories, in a session's files, of what pip installs."""


def installed_paths(files: Path) -> tuple[str, ...]:
    """Returns the paths of what the session installed, relative to its files; nothing behind links. Blocking."""
    return tuple(sorted(path for parts in LISTED for path in _names(files, parts)))


def _names(files: Path, parts: tuple[str, ...]) -> Iterator[str]:
    directory = files
    for part in parts:
        directory /= part
        if directory.is_symlink() or not directory.is_dir():
            return
    yield from (str(path.relative_to(files)) for path in directory.iterdir())


async def run(program: SessionProgram, env_vars: Mapping[str, str], cwd: Path) -> bytes:
    """Runs the program to its end, and returns its output. Raises ComputeFailed if it takes too long or cannot be started."""
    try:
        async with asyncio.timeout(program.seconds):
            _, output = await run_program(program.argv, env_vars=env_vars, cwd=cwd, max_bytes=program.max_bytes)
    except TimeoutError:
        raise ComputeFailed(f"A program in the session did not end within {program.seconds:g} s.") from None
    except ValueError:
        raise ComputeFailed("A program in the session printed a line that is too long.") from None
    except OSError as error:
        raise ComputeFailed(f"A program in the session could not be started: {error.strerror}.") from error
    return output.encode()
