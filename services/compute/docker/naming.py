"""Builds and parses the names and labels of a session's container, network, interface and images."""

import hashlib
from collections.abc import Mapping

from services.compute.protocol import ComputeFailed
from services.domain.session_name import SessionName

PREFIX = "studiograph."
INSTALLATION, STUDIO, PUBLIC, NUMBER, ENVIRONMENT = (
    f"{PREFIX}{word}" for word in ("installation", "studio", "public", "session", "environment")
)
ENGINE = f"{PREFIX}engine"
LABELS = (INSTALLATION, STUDIO, PUBLIC, NUMBER, ENVIRONMENT)
ENGINE_VOLUME = "studiograph-engine"
"""The volume that marks an engine: its label ENGINE is the engine's id. Every installation that uses the engine shares it."""
BRIDGE_PREFIX = "sgr-"
BRIDGE_DIGITS = 11
"""A network interface has at most 15 characters."""


def labels(name: SessionName, environment_id: str) -> dict[str, str]:
    """Returns the labels of a session's container and network. All keys are always set, so that an image cannot set one."""
    return {
        INSTALLATION: name.installation,
        STUDIO: name.studio_id,
        PUBLIC: name.public_id,
        NUMBER: str(name.number),
        ENVIRONMENT: environment_id,
    }


def neutral(raw_labels: Mapping[str, str] | None) -> dict[str, str]:
    """Returns the labels of a commit: those of a session are empty, since a commit inherits what it does not set."""
    return {**(raw_labels or {}), **dict.fromkeys(LABELS, "")}


def read(raw_labels: Mapping[str, str] | None) -> SessionName | None:
    """Returns the session that the labels name; None if they name none."""
    if not raw_labels or not raw_labels.get(NUMBER, "").isdecimal():
        return None
    return SessionName(raw_labels.get(INSTALLATION, ""), raw_labels.get(STUDIO, ""), raw_labels.get(PUBLIC, ""), int(raw_labels[NUMBER]))


def require(name: SessionName, environment_id: str, raw_labels: Mapping[str, str] | None) -> None:
    """Raises ComputeFailed if the labels are not those of this session: another program uses its name."""
    if read(raw_labels) != name or (raw_labels or {}).get(ENVIRONMENT) != environment_id:
        raise ComputeFailed(f"Something else on the Docker Engine is called {name}. Rename or remove it.")


def network(name: SessionName) -> str:
    """Returns the name of the session's network.

    It sorts last, since an engine routes a container's outgoing traffic and its published ports through the first of its networks: a server
    in a container that joins sessions' networks must keep its own.
    """
    return f"zz-{name}"


def bridge(name: SessionName) -> str:
    """Returns the name of the host's interface of the session's network, which the firewall rules match."""
    digest = hashlib.sha256(f"{name.installation}:{name}".encode()).hexdigest()
    return f"{BRIDGE_PREFIX}{digest[:BRIDGE_DIGITS]}"


def images_of(installation: str) -> str:
    """Returns the first part of the repository of every checkpoint of the installation."""
    return f"studiograph-{installation[:8]}"


def repository(name: SessionName) -> str:
    """Returns the image repository of a Studio's checkpoints."""
    return f"{images_of(name.installation)}/{name.public_id}"


def label_filter(installation: str, environment_id: str) -> list[str]:
    """Returns the filter by which the engine selects the containers, and their events, of a compute environment."""
    return [f"{INSTALLATION}={installation}", f"{ENVIRONMENT}={environment_id}"]
