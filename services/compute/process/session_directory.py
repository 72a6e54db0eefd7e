"""Making a session's directory: under another name first, so that a crash midway leaves nothing that looks finished."""

import secrets
from pathlib import Path

from services.compute.process import overlay, trees
from services.compute.process.layout import Layout, SessionPlace, SessionRecord
from services.compute.protocol import ComputeFailed, SessionSpec
from services.domain.statuses import Tool

IN_FILES = ("workspace", "home")
IN_RUN = ("tmp", "jupyter")
MARKER_BYTES = 16


def begin(layout: Layout, spec: SessionSpec) -> Path:
    """An empty place for the session's files; what an earlier attempt left is removed."""
    unfinished = layout.unfinished(spec.name)
    trees.remove_tree(unfinished)
    (unfinished / "files").mkdir(mode=0o700, parents=True)
    unfinished.chmod(0o700)
    return unfinished


def finish(layout: Layout, spec: SessionSpec, unfinished: Path) -> SessionPlace:
    """Give the session its name and card. From now on it exists."""
    run = layout.choose_run_directory(spec.name)
    marker = f"{spec.name}:{secrets.token_hex(MARKER_BYTES)}"
    SessionPlace(unfinished).write_card(SessionRecord(spec.name, marker, str(run)))
    place = layout.session(spec.name)
    unfinished.rename(place.path)
    return place


def furnish(spec: SessionSpec, place: SessionPlace, card: SessionRecord, tool: Path | None) -> None:
    """What must be there before each start. Raises ComputeFailed."""
    run = Path(card.run_directory)
    try:
        for name in IN_FILES:
            with trees.directory(place.files, name):
                pass
        run.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in IN_RUN:
            with trees.directory(run, name):
                pass
        if spec.image.tool == Tool.JUPYTERLAB and tool is not None:
            overlay.prepare(place.files, tool)
    except OSError as error:
        raise ComputeFailed(f"The session's directory cannot be prepared: {error}.") from error
