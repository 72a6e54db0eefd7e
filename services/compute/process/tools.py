"""Builds the command and variables of a session's tool: JupyterLab, or any command that listens on a given unix socket."""

import os
import pwd
import shlex
import shutil
from pathlib import Path

from services.compute.process import jupyterlab
from services.compute.process.data_directory import DataDirectory, SessionRecord
from services.compute.process.keeper_client import Command
from services.compute.process.procfs import MARKER
from services.compute.protocol import ComputeFailed, ImageSpec, SessionSpec
from services.domain.statuses import Tool

INHERITED_VARIABLES = ("LANG", "LANGUAGE", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
INHERITED_PREFIXES = ("LC_", "PIP_")
INSTALLS_ELSEWHERE = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_PYTHON", "PIP_REQUIRE_VIRTUALENV", "PIP_LOG")
PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy")
PIP_CONFIGURATIONS = (".config/pip/pip.conf", ".pip/pip.conf")
DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"


def command_line(image: ImageSpec) -> list[str]:
    """Returns the arguments of a CUSTOM template's command. Raises ComputeFailed if it cannot be run here."""
    try:
        arguments = shlex.split(image.image)
    except ValueError as error:
        raise ComputeFailed(f"The template's command cannot be read: {error}.") from error
    if not arguments:
        raise ComputeFailed("The template's command is empty.")
    if shutil.which(arguments[0]) is None:
        raise ComputeFailed(f"The template's command needs the program {arguments[0]!r}, which is not on this machine.")
    return arguments


def command(data_directory: DataDirectory, spec: SessionSpec, session_record: SessionRecord, files: Path) -> Command:
    """Returns what the keeper starts. Raises ComputeFailed."""
    env_vars = base_env_vars(session_record, files, data_directory.root / "cache" / "pip")
    if spec.image.tool == Tool.JUPYTERLAB:
        tool_directory = jupyterlab.tool_directory(data_directory, spec.image)
        env_vars |= jupyterlab.env_vars(tool_directory, session_record, files, env_vars["PATH"]) | dict(spec.env_vars)
        argv = jupyterlab.arguments(session_record, files)
    elif spec.image.tool == Tool.CUSTOM:
        env_vars |= dict(spec.env_vars)
        argv = command_line(spec.image)
    else:
        raise unsupported(spec.image)
    env_vars |= {"CONNECT_TOOL_SOCKET": str(session_record.tool_socket), MARKER: session_record.marker}
    return Command(argv, env_vars, files / "workspace")


def unsupported(image: ImageSpec) -> ComputeFailed:
    return ComputeFailed(f"A process compute environment runs JUPYTERLAB and CUSTOM templates, not {image.tool}: use a Docker one.")


def base_env_vars(session_record: SessionRecord, files: Path, pip_cache: Path) -> dict[str, str]:
    """Returns the variables that every tool gets. Of the server's own, which hold its secrets, only those that any program needs."""
    user = pwd.getpwuid(os.geteuid())
    variables = {name: value for name, value in os.environ.items() if _passed_on(name)}
    variables |= {"PATH": os.environ.get("PATH", DEFAULT_PATH), "HOME": str(files / "home"), "USER": user.pw_name, "LOGNAME": user.pw_name}
    variables |= {
        "SHELL": jupyterlab.shell(),
        "TMPDIR": str(Path(session_record.run_directory, "tmp")),
        "PIP_CACHE_DIR": str(pip_cache),
        "PIP_USER": "0",
    }
    configuration = next((path for name in PIP_CONFIGURATIONS if (path := Path(user.pw_dir) / name).is_file()), None)
    if configuration:
        variables.setdefault("PIP_CONFIG_FILE", str(configuration))
    return variables


def _passed_on(name: str) -> bool:
    if name in INSTALLS_ELSEWHERE:
        return False
    return name in INHERITED_VARIABLES or name.startswith(INHERITED_PREFIXES) or name.lower() in PROXIES
