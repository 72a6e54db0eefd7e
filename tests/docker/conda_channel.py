"""A Conda channel that a test makes and serves: small packages that are real in all that a solver and an installer look at.

`python` is that of the Debian base, as a virtual environment whose directory is the prefix; `ipykernel` is that of JupyterLab's image.
"""

import asyncio
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path
from typing import Any

from tests.docker.tiny_image import docker

NAME = "local"
GATEWAY = "{{(index .IPAM.Config 0).Gateway}}"
PLACEHOLDER = "/placeholder" * 12
INDEX = "repodata.json"
NATIVE, NOARCH = "linux-64", "noarch"


@dataclass(frozen=True, slots=True)
class ChannelPackage:
    """`files` and `links` are by path below the prefix; of a noarch Python package, modules are below `site-packages`."""

    name: str
    version: str
    files: Mapping[str, bytes]
    depends: Sequence[str] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    subdir: str = NOARCH
    entry_points: Sequence[str] = ()

    def write(self, channel: Path) -> None:
        """Writes the package, and adds it to the index of the channel."""
        directory = channel / self.subdir
        path = directory / f"{self.name}-{self.version}-0.tar.bz2"
        self._write_archive(path)
        data = path.read_bytes()
        index = json.loads((directory / INDEX).read_text())
        digests = {"md5": hashlib.md5(data).hexdigest(), "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        index["packages"][path.name] = self._index() | digests
        (directory / INDEX).write_text(json.dumps(index))

    def _write_archive(self, target: Path) -> None:
        with tarfile.open(target, "w:bz2") as archive:
            for path, data in {**self.files, **self._described()}.items():
                info = tarfile.TarInfo(path)
                info.size, info.mode = len(data), 0o755 if path.startswith("bin/") else 0o644
                archive.addfile(info, io.BytesIO(data))
            for path, linked in self.links.items():
                info = tarfile.TarInfo(path)
                info.type, info.linkname = tarfile.SYMTYPE, linked
                archive.addfile(info)

    def _index(self) -> dict[str, Any]:
        index: dict[str, Any] = {"name": self.name, "version": self.version, "build": "0", "build_number": 0, "depends": list(self.depends)}
        return index | {"subdir": self.subdir} | ({"noarch": "python"} if self.subdir == NOARCH else {})

    def _described(self) -> dict[str, bytes]:
        described: dict[str, Any] = {"index.json": self._index(), "paths.json": {"paths": self._paths(), "paths_version": 1}}
        if self.subdir == NOARCH:
            link = {"noarch": {"type": "python", "entry_points": list(self.entry_points)}, "package_metadata_version": 1}
            described["link.json"] = link
        return {f"info/{name}": json.dumps(content).encode() for name, content in described.items()}

    def _paths(self) -> list[dict[str, Any]]:
        files = [
            {"_path": path, "path_type": "hardlink", "sha256": hashlib.sha256(data).hexdigest(), "size_in_bytes": len(data)}
            | ({"prefix_placeholder": PLACEHOLDER, "file_mode": "text"} if PLACEHOLDER.encode() in data else {})
            for path, data in self.files.items()
        ]
        return files + [
            {"_path": path, "path_type": "softlink", "sha256": hashlib.sha256().hexdigest(), "size_in_bytes": 0} for path in self.links
        ]


def _pip() -> ChannelPackage:
    """The pip of this machine."""
    installed = metadata.distribution("pip")
    paths = [path for path in installed.files or () if path.suffix in {".py", ".pem", ".txt"} or path.parts[0].endswith(".dist-info")]
    files = {f"site-packages/{path.as_posix()}": path.read_binary() for path in paths if ".." not in path.parts}
    return ChannelPackage("pip", installed.version, files, ("python",), entry_points=("pip = pip._internal.cli.main:main",))


def _packages() -> list[ChannelPackage]:
    venv = {"pyvenv.cfg": b"home = /usr/bin\ninclude-system-site-packages = false\n", "lib/python3.11/site-packages/README": b"modules\n"}
    jupyter = b"/opt/jupyter/lib/python3.11/site-packages\n"
    activation = b"export TINY_HOME=" + PLACEHOLDER.encode() + b"/share/tiny\n"
    return [
        ChannelPackage("python", "3.11.2", venv, links=dict.fromkeys(("bin/python", "bin/python3"), "/usr/bin/python3.11"), subdir=NATIVE),
        ChannelPackage("ipykernel", "7.0", {"site-packages/jupyter.pth": jupyter}, ("python >=3.11,<3.12",)),
        ChannelPackage("tinytool", "1.2.3", {"site-packages/tinytool.py": b"answer = 42\n"}, ("python",)),
        ChannelPackage("tinytool", "2.0", {"site-packages/tinytool.py": b"answer = 43\n"}, ("python", "tinyprogram >=9")),
        ChannelPackage(
            "tinyprogram",
            "1.0",
            {"bin/tinyprogram": f"#!/bin/sh\necho from {PLACEHOLDER}\n".encode(), "etc/conda/activate.d/tiny.sh": activation},
            subdir=NATIVE,
        ),
        _pip(),
    ]


def _write_channel(channel: Path) -> None:
    for subdir in (NATIVE, NOARCH):
        (channel / subdir).mkdir(parents=True)
        (channel / subdir / INDEX).write_text(json.dumps({"info": {"subdir": subdir}, "packages": {}, "packages.conda": {}}))
    for package in _packages():
        package.write(channel)


@dataclass
class CondaChannel:
    """The served channel. `base_url` is the address below which it has its name; `requests` are the paths that were asked for."""

    directory: Path
    base_url: str
    requests: list[str]
    gate: threading.Event
    """While it is cleared, packages are not answered: a build that needs one waits."""

    def fetched(self, name: str) -> int:
        """Returns how often a package was downloaded."""
        return sum(f"/{name}-" in path for path in self.requests)

    async def add(self, package: ChannelPackage) -> None:
        await asyncio.to_thread(package.write, self.directory / NAME)


@asynccontextmanager
async def served_channel(directory: Path) -> AsyncIterator[CondaChannel]:
    """Serves on the gateway of the engine's bridge, which builds can reach."""
    channel = CondaChannel(directory, "", [], threading.Event())
    channel.gate.set()
    await asyncio.to_thread(_write_channel, directory / NAME)
    address = docker("network", "inspect", "bridge", "-f", GATEWAY)
    server = ThreadingHTTPServer((address, 0), partial(_Handler, channel, directory=str(directory)))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    channel.base_url = f"http://{address}:{server.server_port}"
    try:
        yield channel
    finally:
        channel.gate.set()
        await asyncio.to_thread(server.shutdown)
        thread.join()
        server.server_close()


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, channel: CondaChannel, *arguments: Any, **options: Any) -> None:
        self._channel = channel
        super().__init__(*arguments, **options)

    def do_GET(self) -> None:
        self._channel.requests.append(self.path)
        if self.path.endswith(".tar.bz2"):
            self._channel.gate.wait()
        super().do_GET()

    def log_message(self, *arguments: Any) -> None:
        """Prints nothing."""
