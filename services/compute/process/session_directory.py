"""Creates a session's directory: under a temporary name first, so that a crash leaves no incomplete one under its name."""

import secrets
from pathlib import Path

from services.compute.process import overlay, untrusted_tree
from services.compute.process.data_directory import DataDirectory, SessionDirectory, SessionRecord
from services.compute.protocol import ComputeFailed, SessionSpec
from services.domain.statuses import Tool

IN_FILES = ("workspace", "home")
IN_RUN = ("tmp", "jupyter")
MARKER_BYTES = 16


def begin(data_directory: DataDirectory, spec: SessionSpec) -> Path:
    """Creates an empty directory for the session's files; what an earlier attempt left is removed."""
    unfinished = data_directory.unfinished(spec.name)
    untrusted_tree.remove_tree(unfinished)
    (unfinished / "files").mkdir(mode=0o700, parents=True)
    unfinished.chmod(0o700)
    return unfinished


def finish(data_directory: DataDirectory, spec: SessionSpec, unfinished: Path) -> SessionDirectory:
    """Gives the directory its name and record. From now on the session exists."""
    run = data_directory.choose_run_directory(spec.name)
    marker = f"{spec.name}:{secrets.token_hex(MARKER_BYTES)}"
    SessionDirectory(unfinished).write_session_record(SessionRecord(spec.name, marker, str(run)))
    directory = data_directory.session(spec.name)
    unfinished.rename(directory.path)
    return directory


def provision(spec: SessionSpec, directory: SessionDirectory, session_record: SessionRecord, tool: Path | None) -> None:
    """Creates what must be there before each start. Raises ComputeFailed."""
    run = Path(session_record.run_directory)
    try:
        for name in IN_FILES:
            with untrusted_tree.directory(directory.files, name):
                pass
        run.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in IN_RUN:
            with untrusted_tree.directory(run, name):
                pass
        if spec.image.tool == Tool.JUPYTERLAB and tool is not None:
            overlay.prepare(directory.files, tool)
    except OSError as error:
        raise ComputeFailed(f"The session's directory cannot be prepared: {error}.") from error
