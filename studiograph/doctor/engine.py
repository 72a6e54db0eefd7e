"""Checks the Docker Engine that the settings name."""

import os
import stat
from pathlib import Path

from services.compute.protocol import ComputeFailed, ComputeUnknown
from services.controller.error_text import error_sentence
from studiograph.compute_factories import engine_probe
from studiograph.doctor.check_result import CheckResult, note, ok
from studiograph.settings import Settings

SUBJECT = "Container engine"
UNIX = "unix://"
GROUP_READ_WRITE = 0o060
WITHOUT_ENGINE = "Sessions can run as processes of the server's user, without isolation, for one person."


async def check_engine(settings: Settings) -> list[CheckResult]:
    """Reports the engine's capacity, or why it cannot be used. Changes nothing."""
    if inaccessible := _inaccessible(settings.docker_url):
        return [inaccessible]
    compute = engine_probe(settings)
    try:
        report = await compute.inspect()
    except (ComputeFailed, ComputeUnknown) as error:
        return [note(SUBJECT, error_sentence(error), WITHOUT_ENGINE)]
    finally:
        await compute.close()
    return [ok(SUBJECT, " ".join(report.notes)), *(note(SUBJECT, warning) for warning in report.warnings)]


def _inaccessible(url: str) -> CheckResult | None:
    """Returns a result if the engine's socket is missing or not accessible to this user, None if the engine can be called."""
    if not url.startswith(UNIX):
        return None
    path = Path(url.removeprefix(UNIX))
    if not path.exists():
        return note(SUBJECT, f"none at {path}", WITHOUT_ENGINE)
    return None if os.access(path, os.R_OK | os.W_OK) else _forbidden(path)


def _forbidden(path: Path) -> CheckResult:
    """Gives advice with the socket's group id, since the group often has no name inside a container."""
    status = path.stat()
    if status.st_mode & GROUP_READ_WRITE != GROUP_READ_WRITE:
        advice = f"Its mode is {stat.S_IMODE(status.st_mode):o}: let its group use it (`chmod 660 {path}`), and add this user to the group."
    else:
        advice = (
            f"Its group has the id {status.st_gid}. In a container: `docker run --group-add {status.st_gid}`, in a compose file "
            f'`group_add: ["{status.st_gid}"]`. On the machine itself: `usermod --append --groups {_group(path)} USER`, and log in again. '
            "A user who may use the engine has root rights on its machine."
        )
    return note(SUBJECT, f"this user may not use {path}", advice)


def _group(path: Path) -> str:
    try:
        return path.group()
    except KeyError:
        return str(path.stat().st_gid)
