"""The machine: Python, programs, directories, port."""

import os
import shutil
import stat
import sys
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from studiograph.doctor.findings import Finding, bad, note, ok
from studiograph.http_server import listen
from studiograph.operator_errors import OperatorError
from studiograph.serve_lock import holder
from studiograph.settings import Settings

LIVEZ_SECONDS = 2.0
LITTLE_SPACE = 2 * 1024**3


def check_machine(settings: Settings) -> list[Finding]:
    """Everything that needs no database."""
    return [_python(), *_programs(), *_data_dir(settings.data_dir), _port(settings), _user(settings)]


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return ok("Python", version)


def _programs() -> list[Finding]:
    found = [_program("tar", "checkpoints of process sessions are archives", "apt install tar")]
    if shutil.which("zstd"):
        return [*found, ok("zstd", "found")]
    return [*found, note("zstd", "not found; checkpoints are compressed by Python instead, more slowly", "On Debian: apt install zstd")]


def _program(name: str, why: str, advice: str) -> Finding:
    return ok(name, "found") if shutil.which(name) else bad(name, f"not found, and {why}", f"On Debian: {advice}")


def _data_dir(path: Path) -> list[Finding]:
    subject = "Data directory"
    if not path.exists():
        return [note(subject, f"{path} does not exist yet", "The first start makes it.")]
    if not os.access(path, os.W_OK | os.X_OK):
        return [bad(subject, f"{path} cannot be written to by this user", f"Give it to the server's user: chown -R USER {path}")]
    return [_privacy(path), _space(path)]


def _privacy(path: Path) -> Finding:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        return bad("Data directory", f"{path} is open to other users, and holds keys and people's work", f"chmod 700 {path}")
    return ok("Data directory", str(path))


def _space(path: Path) -> Finding:
    free = shutil.disk_usage(path).free
    what = f"{free / 1024**3:.1f} GiB free"
    if free < LITTLE_SPACE:
        return bad(
            "Disk", what, "Checkpoints need room. Delete Studios that are not needed, or move STUDIOGRAPH_DATA_DIR to a larger disk."
        )
    return ok("Disk", what)


def _port(settings: Settings) -> Finding:
    serving = holder(settings.data_dir)
    if serving:
        return ok("Server", f"running: {serving}")
    try:
        listen(settings.host, settings.port).close()
    except OperatorError as error:
        return ok("Server", f"running at port {settings.port}") if _lives(settings.port) else bad("Port", str(error), "")
    return ok("Port", f"{settings.port} is free")


def _lives(port: int) -> bool:
    """Whether what holds the port is a server like this: with PostgreSQL no lock tells."""
    connection = HTTPConnection("127.0.0.1", port, timeout=LIVEZ_SECONDS)
    try:
        connection.request("GET", "/livez")
        return connection.getresponse().read() == b"ok"
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _user(settings: Settings) -> Finding:
    if os.geteuid() == 0:
        too = ", and process sessions with it" if settings.process_compute else ""
        return note("User", f"the server would run as root{too}", "Run it as a user of its own.")
    return ok("User", f"uid {os.geteuid()}")
