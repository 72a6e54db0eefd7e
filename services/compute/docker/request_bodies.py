"""Builds the request bodies for a session's container: limits, hardening, and no secrets that an inspection would show."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.compute.docker import env_vars, naming
from services.compute.protocol import BYTES_PER_MIB, ComputeFailed, SessionSpec

ROOT_CAPABILITIES = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "SETGID", "SETUID", "KILL"]
"""What root in a container needs for apt and pip, and no more (docs/architecture.md, "Compute environments")."""
ROOT_USERS = ("", "0", "root")
MAX_PROCESSES = 4096
NS_PER_SECOND = 1_000_000_000
LOG_SIZE, LOG_FILES = "8m", "2"
WORKSPACE = "/workspace"


@dataclass(frozen=True, slots=True)
class Image:
    """An image: its id, its size in bytes, its configuration, and the id of the image it was made from (empty where not kept)."""

    id: str
    size: int
    config: Mapping[str, Any]
    parent: str = ""

    @classmethod
    def of(cls, inspected: Mapping[str, Any]) -> "Image":
        return cls(inspected["Id"], inspected["Size"], inspected["Config"] or {}, inspected.get("Parent") or "")

    def check(self, reference: str) -> None:
        """Raises ComputeFailed for an image whose sessions could not be saved completely, or not be run at all."""
        if volumes := sorted(self.config.get("Volumes") or {}):
            raise ComputeFailed(
                f"The image {reference} declares VOLUME {', '.join(volumes)}: what is written there would be missing from every "
                "checkpoint. Build it without VOLUME."
            )
        if not env_vars.arguments(self.config):
            raise ComputeFailed(f"The image {reference} names no program to run: it needs an ENTRYPOINT or a CMD.")


def container(spec: SessionSpec, image: Image, environment_id: str, *, published: bool) -> dict[str, Any]:
    """Returns the body of `POST containers/create`."""
    port = f"{spec.port}/tcp"
    return {
        "Image": image.id,
        "Hostname": spec.name.public_id,
        "Entrypoint": env_vars.entrypoint(),
        "Cmd": env_vars.arguments(image.config),
        "WorkingDir": image.config.get("WorkingDir") or WORKSPACE,
        "Env": env_vars.withheld(image.config),
        "Labels": naming.labels(spec.name, environment_id),
        "OpenStdin": True,
        "StdinOnce": True,
        "AttachStdin": True,
        "ExposedPorts": {port: {}} if published else {},
        "HostConfig": _host(spec, image) | ({"PortBindings": {port: [{"HostIp": "127.0.0.1"}]}} if published else {}),
        "NetworkingConfig": {"EndpointsConfig": {naming.network(spec.name): {}}},
    }


def _host(spec: SessionSpec, image: Image) -> dict[str, Any]:
    memory = spec.memory_mib * BYTES_PER_MIB
    return {
        "NetworkMode": naming.network(spec.name),
        "NanoCpus": round(spec.cpu * NS_PER_SECOND),
        "Memory": memory,
        "MemorySwap": memory,
        "PidsLimit": MAX_PROCESSES,
        "CapDrop": ["ALL"],
        "CapAdd": ROOT_CAPABILITIES if is_root(image.config) else [],
        "SecurityOpt": ["no-new-privileges"],
        "RestartPolicy": {"Name": "no"},
        "Init": True,
        "LogConfig": {"Type": "json-file", "Config": {"max-size": LOG_SIZE, "max-file": LOG_FILES}},
        "DeviceRequests": [{"Count": spec.gpu, "Capabilities": [["gpu"]]}] if spec.gpu else [],
    }


def is_root(config: Mapping[str, Any]) -> bool:
    """Returns whether the image runs its programs as root."""
    return str(config.get("User") or "").partition(":")[0] in ROOT_USERS


def commit(image: Image) -> dict[str, Any]:
    """Returns the body of a commit: the configuration of the image, so that nothing which the session set is inherited."""
    inherited = {name: image.config.get(name) for name in ("User", "WorkingDir", "StopSignal", "ExposedPorts")}
    return inherited | {
        "Env": image.config.get("Env") or [],
        "Entrypoint": image.config.get("Entrypoint") or [],
        "Cmd": image.config.get("Cmd") or [],
        "Labels": naming.neutral(image.config.get("Labels")),
        "Healthcheck": image.config.get("Healthcheck") or {"Test": ["NONE"]},
        "OpenStdin": False,
        "StdinOnce": False,
        "AttachStdin": False,
    }


def tool_env_vars(spec: SessionSpec) -> dict[str, str]:
    """Returns the variables of the tool: those of the Studio, and the container contract of docs/images.md."""
    return {**spec.env_vars, "CONNECT_TOOL_PORT": str(spec.port)}
