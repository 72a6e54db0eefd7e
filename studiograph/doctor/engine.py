"""The container engine that the settings name, as the `docker` kind of compute environment sees it."""

import os
import stat
from pathlib import Path

from services.compute.protocol import ComputeFailed, ComputeUnknown
from studiograph.compute_factories import engine_probe
from studiograph.doctor.findings import Finding, note, ok
from studiograph.settings import Settings

SUBJECT = "Container engine"
UNIX = "unix://"
GROUP_MAY = 0o060
WITHOUT = "Sessions can run as processes of the server's user, without isolation, for one person."


async def check_engine(settings: Settings) -> list[Finding]:
    """Asks, and changes nothing."""
    if absent := _absent(settings.docker_url):
        return [absent]
    compute = engine_probe(settings)
    try:
        report = await compute.look()
    except (ComputeFailed, ComputeUnknown) as error:
        return [note(SUBJECT, f"{settings.docker_url}: {error}", WITHOUT)]
    finally:
        await compute.close()
    return [ok(SUBJECT, " ".join(report.notes)), *(note(SUBJECT, warning) for warning in report.warnings)]


def _absent(url: str) -> Finding | None:
    """A socket that is not there, or that this user may not open, needs no asking."""
    if not url.startswith(UNIX):
        return None
    path = Path(url.removeprefix(UNIX))
    if not path.exists():
        return note(SUBJECT, f"none at {path}", WITHOUT)
    return None if os.access(path, os.R_OK | os.W_OK) else _forbidden(path)


def _forbidden(path: Path) -> Finding:
    """By the socket's group; in a container its id is all that counts, and often has no name."""
    found = path.stat()
    if found.st_mode & GROUP_MAY != GROUP_MAY:
        advice = f"Its mode is {stat.S_IMODE(found.st_mode):o}: let its group in (`chmod 660 {path}`), and this user into the group."
    else:
        advice = (
            f"Its group has the id {found.st_gid}. In a container: `docker run --group-add {found.st_gid}`, in a compose file "
            f'`group_add: ["{found.st_gid}"]`. On the machine itself: `usermod --append --groups {_group(path)} USER`, and start anew. '
            "Whoever may use the engine is root there."
        )
    return note(SUBJECT, f"this user may not use {path}", advice)


def _group(path: Path) -> str:
    try:
        return path.group()
    except KeyError:
        return str(path.stat().st_gid)
