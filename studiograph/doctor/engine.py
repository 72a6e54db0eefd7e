"""The container engine that the settings name, as the `docker` kind of compute environment sees it."""

import os
from pathlib import Path

from services.compute.docker import DockerCompute
from services.compute.protocol import ComputeFailed, ComputeUnknown
from studiograph.doctor.findings import Finding, note, ok
from studiograph.settings import Settings

SUBJECT = "Container engine"
UNIX = "unix://"
WITHOUT = "Sessions can run as processes of the server's user, without isolation, for one person."


async def check_engine(settings: Settings) -> list[Finding]:
    """Asks, and changes nothing."""
    if absent := _absent(settings.docker_url):
        return [absent]
    compute = DockerCompute(settings.docker_url, "doctor", "doctor", pool=settings.docker_subnets)
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
    if not os.access(path, os.R_OK | os.W_OK):
        group = path.group()
        advice = (
            f"Add it to the group `{group}` (in a container: `--group-add {path.stat().st_gid}`). Whoever may use the engine is root there."
        )
        return note(SUBJECT, f"this user may not use {path}", advice)
    return None
