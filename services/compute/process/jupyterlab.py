"""Installs JupyterLab on this machine, once per version from a list with hashes, and builds its command and variables."""

import hashlib
import os
import shutil
import sys
from pathlib import Path

from services.compute.locks import locked
from services.compute.process import overlay
from services.compute.process.cancellation import in_thread, run_program
from services.compute.process.data_directory import DataDirectory, SessionRecord
from services.compute.protocol import ComputeFailed, ImageSpec, Progress

REQUIREMENTS = Path(__file__).parents[1] / "requirements"
"""Shared with the image of the docker kind (`docker/recipes.py`)."""
PROVIDED_IMAGE = Path(__file__).resolve().parents[3] / "images" / "jupyter"
CONFIGURATION = PROVIDED_IMAGE / "etc"
"""The image's configuration, for both kinds: `arguments` overrides what is only for containers."""
SERVER_EXTENSION = PROVIDED_IMAGE / "studiograph_jupyter"
COMPLETE_MARKER = "complete"
DIGEST_CHARACTERS = 8


def tool_directory(data_directory: DataDirectory, image: ImageSpec) -> Path:
    """Returns the directory of its installation. Raises ComputeFailed for a version that has no list of packages."""
    return data_directory.tools / directory_name(image)


def directory_name(image: ImageSpec) -> str:
    """Returns a name that changes with what is installed: an installation that sessions use is never changed. Raises as above."""
    files = [path for directory in (CONFIGURATION, SERVER_EXTENSION) for path in directory.rglob("*") if path.suffix in (".py", ".json")]
    content = b"".join(path.read_bytes() for path in [requirements(image), *sorted(files)])
    return f"jupyterlab-{image.tool_version}-{hashlib.sha256(content).hexdigest()[:DIGEST_CHARACTERS]}"


def requirements(image: ImageSpec) -> Path:
    """Returns the list of packages. Raises ComputeFailed for a version that has none."""
    provided = {path.stem.removeprefix("jupyterlab-"): path for path in REQUIREMENTS.glob("jupyterlab-*.txt")}
    if image.tool_version not in provided:
        raise ComputeFailed(f"JupyterLab {image.tool_version} is not available here. Available: {', '.join(sorted(provided))}.")
    return provided[image.tool_version]


async def install(data_directory: DataDirectory, image: ImageSpec, progress: Progress) -> None:
    """Installs it unless the marker file says that it is complete. One at a time, also between servers. Raises ComputeFailed."""
    packages, target = requirements(image), tool_directory(data_directory, image)
    if (target / COMPLETE_MARKER).exists():
        return
    await progress(f"Installing JupyterLab {image.tool_version}")  # also said while another start of this version installs it
    async with locked(data_directory.tools / f"{target.name}.lock") as lock:  # beside it: several data directories may share their tools
        if not (target / COMPLETE_MARKER).exists():
            await in_thread(shutil.rmtree, target, ignore_errors=True)
            real = target.resolve()  # scripts name their interpreter by a full path, which must not go through a link that may be removed
            await _run([sys.executable, "-m", "venv", str(real)], progress, lock)
            await _run([*_pip(real), "install", "--require-hashes", "--no-deps", "-r", str(packages)], progress, lock)
            await in_thread(_finish, target)


def _pip(target: Path) -> list[str]:
    return [str(target / "bin" / "python"), "-I", "-m", "pip", "--no-input", "--disable-pip-version-check", "--no-color"]


async def _run(argv: list[str], progress: Progress, lock: int) -> None:
    """Runs a program, which inherits the lock: if this server is killed, no other begins while it still writes."""

    async def tell(line: str) -> None:
        if line.startswith(("Collecting ", "Installing ")):
            await progress(" ".join(line.split()[:2]) if line.startswith("Collecting") else "Installing the packages")

    code, output = await run_program(argv, on_line=tell, keep=(lock,))
    if code:
        last = next((line for line in reversed(output.splitlines()) if line.startswith("ERROR")), output.strip().rpartition("\n")[2])
        hint = " Can this machine reach the Python package index?" if "No matching distribution" in last else ""
        raise ComputeFailed(f"JupyterLab could not be installed: {last}.{hint}")


def _finish(target: Path) -> None:
    shutil.copytree(CONFIGURATION, target / "etc" / "jupyter", dirs_exist_ok=True)
    shutil.copytree(SERVER_EXTENSION, overlay.tool_packages(target) / SERVER_EXTENSION.name, ignore=shutil.ignore_patterns("__pycache__"))
    (target / COMPLETE_MARKER).touch()


def env_vars(tool: Path, session_record: SessionRecord, files: Path, path: str) -> dict[str, str]:
    """Returns its variables: what the user changes is in the session's files, what is only for this run in its run directory."""
    home = files / "home"
    return {
        "PATH": os.pathsep.join([str(files / overlay.VENV_DIRECTORY / "bin"), str(tool / "bin"), path]),
        "VIRTUAL_ENV": str(files / overlay.VENV_DIRECTORY),
        "JUPYTER_CONFIG_DIR": str(home / ".jupyter"),
        "JUPYTER_DATA_DIR": str(home / ".local/share/jupyter"),
        "JUPYTER_RUNTIME_DIR": f"{session_record.run_directory}/jupyter",
        "JUPYTER_PATH": str(tool / "share/jupyter"),
        "JUPYTER_CONFIG_PATH": str(tool / "etc/jupyter"),
        "JUPYTERLAB_DIR": str(tool / "share/jupyter/lab"),
        "IPYTHONDIR": str(home / ".ipython"),
    }


def shell() -> str:
    """Returns the shell of terminals: otherwise JupyterLab starts a login shell, in which /etc/profile hides the session's own pip."""
    return shutil.which("bash") or "/bin/sh"


def arguments(session_record: SessionRecord, files: Path) -> list[str]:
    """Returns its command, without token and password: only the owner can reach the socket, and the proxy authorizes all others."""
    return [
        str(files / overlay.VENV_DIRECTORY / "bin" / "python"),
        "-m",
        "jupyterlab",
        "--no-browser",
        "--allow-root",
        f"--ServerApp.sock={session_record.tool_socket}",
        "--ServerApp.sock_mode=0600",
        f"--ServerApp.root_dir={files / 'workspace'}",
        "--ServerApp.base_url=/",
        "--ServerApp.allow_remote_access=True",
        "--IdentityProvider.token=",
        "--PasswordIdentityProvider.hashed_password=",
        "--KernelManager.transport=ipc",
        f"--ServerApp.terminado_settings=shell_command={shell()}",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
