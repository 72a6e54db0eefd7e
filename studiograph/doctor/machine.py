"""Checks the machine: Python, programs, data directory, free disk space, port, user."""

import os
import shutil
import stat
import sys
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from studiograph.doctor.check_result import CheckResult, bad, note, ok
from studiograph.http_server import listen
from studiograph.operator_errors import OperatorError
from studiograph.serve_lock import running_server
from studiograph.settings import Settings
from studiograph.web.health import INSTALLATION_HEADER

LIVEZ_TIMEOUT_S = 2.0
LOW_DISK_BYTES = 2 * 1024**3
"""Less free space than this is reported as bad: a checkpoint of a session may take that much."""


def check_machine(settings: Settings, installation: str | None) -> list[CheckResult]:
    """Runs all checks of the machine. `installation` is the id of the one that the settings name; None if there is none yet."""
    return [_python(), *_programs(), *_data_dir(settings.data_dir), _port(settings, installation), _user(settings)]


def _python() -> CheckResult:
    version = ".".join(map(str, sys.version_info[:3]))
    return ok("Python", version)


def _programs() -> list[CheckResult]:
    results = [_program("tar", "checkpoints of process sessions are archives", "apt install tar")]
    if shutil.which("zstd"):
        return [*results, ok("zstd", "found")]
    return [*results, note("zstd", "not found; checkpoints are compressed by Python instead, more slowly", "On Debian: apt install zstd")]


def _program(name: str, why: str, advice: str) -> CheckResult:
    return ok(name, "found") if shutil.which(name) else bad(name, f"not found, and {why}", f"On Debian: {advice}")


def _data_dir(path: Path) -> list[CheckResult]:
    subject = "Data directory"
    if not path.exists():
        return [note(subject, f"{path} does not exist yet", "The first start creates it.")]
    if not os.access(path, os.W_OK | os.X_OK):
        return [bad(subject, f"{path} cannot be written to by this user", f"Make the server's user its owner: chown -R USER {path}")]
    return [_privacy(path), _space(path)]


def _privacy(path: Path) -> CheckResult:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        return bad("Data directory", f"{path} is accessible to other users, and contains keys and the users' files", f"chmod 700 {path}")
    return ok("Data directory", str(path))


def _space(path: Path) -> CheckResult:
    free = shutil.disk_usage(path).free
    what = f"{free / 1024**3:.1f} GiB free"
    if free < LOW_DISK_BYTES:
        return bad("Disk", what, "Checkpoints need disk space. Delete unused Studios, or move STUDIOGRAPH_DATA_DIR to a larger disk.")
    return ok("Disk", what)


def _port(settings: Settings, installation: str | None) -> CheckResult:
    server = running_server(settings.data_dir)
    if server:
        return ok("Server", f"running: {server}")
    try:
        listen(settings.host, settings.port).close()
    except OperatorError as error:
        other = _installation_at(settings.port)
        if other is None:
            return bad("Port", str(error), "")
        if other == installation:
            return ok("Server", f"running at port {settings.port}")
        taken = f"{settings.port} is used by a Studiograph server of another installation"
        return bad("Port", taken, "Set STUDIOGRAPH_PORT to a free port.")
    return ok("Port", f"{settings.port} is free")


def _installation_at(port: int) -> str | None:
    """Returns the installation whose server listens on the port, None if it is another program. With PostgreSQL no lock file shows that."""
    connection = HTTPConnection("127.0.0.1", port, timeout=LIVEZ_TIMEOUT_S)
    try:
        connection.request("GET", "/livez")
        return connection.getresponse().headers.get(INSTALLATION_HEADER)
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()


def _user(settings: Settings) -> CheckResult:
    if os.geteuid() == 0:
        too = ", and process sessions with it" if settings.process_compute else ""
        return note("User", f"the server would run as root{too}", "Run it as a user of its own.")
    return ok("User", f"uid {os.geteuid()}")
