"""Names and labels of all that a session has on an engine: fixed before creation, and read back."""

import hashlib
from collections.abc import Mapping

from services.compute.protocol import ComputeFailed
from services.domain.session_name import SessionName

PREFIX = "studiograph."
INSTALLATION, STUDIO, PUBLIC, NUMBER, ENVIRONMENT = (
    f"{PREFIX}{word}" for word in ("installation", "studio", "public", "session", "environment")
)
LABELS = (INSTALLATION, STUDIO, PUBLIC, NUMBER, ENVIRONMENT)
BRIDGE_PREFIX = "sgr-"
BRIDGE_DIGITS = 11
"""A network interface has at most 15 characters."""


def labels(name: SessionName, environment_id: str) -> dict[str, str]:
    """What container and network of a session carry. All keys are always given: an image can bring none of its own."""
    return {
        INSTALLATION: name.installation,
        STUDIO: name.studio_id,
        PUBLIC: name.public_id,
        NUMBER: str(name.number),
        ENVIRONMENT: environment_id,
    }


def neutral(found: Mapping[str, str] | None) -> dict[str, str]:
    """Labels for a commit: ours emptied, since a commit inherits what it is not told to change."""
    return {**(found or {}), **dict.fromkeys(LABELS, "")}


def read(found: Mapping[str, str] | None) -> SessionName | None:
    """The session that the labels name; None if they name none."""
    if not found or not found.get(NUMBER, "").isdecimal():
        return None
    return SessionName(found.get(INSTALLATION, ""), found.get(STUDIO, ""), found.get(PUBLIC, ""), int(found[NUMBER]))


def require(name: SessionName, environment_id: str, found: Mapping[str, str] | None) -> None:
    """Raises ComputeFailed when what has our name is somebody else's."""
    if read(found) != name or (found or {}).get(ENVIRONMENT) != environment_id:
        raise ComputeFailed(f"Something else on the Docker Engine is called {name}. Rename or remove it.")


def network(name: SessionName) -> str:
    """The session's network. It comes last by the alphabet, since an engine leads a container's way out, and its published ports, through
    the first of its networks: a server in a container that joins sessions' networks must keep its own.
    """
    return f"zz-{name}"


def bridge(name: SessionName) -> str:
    """The host's interface for the session's network, by which a firewall knows it."""
    digest = hashlib.sha256(f"{name.installation}:{name}".encode()).hexdigest()
    return f"{BRIDGE_PREFIX}{digest[:BRIDGE_DIGITS]}"


def repository(name: SessionName) -> str:
    """Where the checkpoints of a Studio are kept."""
    return f"studiograph-{name.installation[:8]}/{name.public_id}"


def label_filter(installation: str, environment_id: str) -> list[str]:
    """What the engine selects containers and their events by."""
    return [f"{INSTALLATION}={installation}", f"{ENVIRONMENT}={environment_id}"]
