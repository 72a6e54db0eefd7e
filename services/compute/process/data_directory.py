"""The directories and files of the process kind on disk, and their names.

<root>/sessions/<SessionName>/   files/ (what a checkpoint holds: workspace, home, env), run/, staging/, log.*, session.json, state.json
<root>/checkpoints/              one archive per save
<root>/tools/                    one directory per installed tool version
<root>/locks/, <root>/cache/

What marks the directory (`engine_marker`) is in <root>, and in sessions/ and checkpoints/, which may be mounted on their own.
"""

import json
import os
import re
import stat
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from services.compute.protocol import ComputeFailed, ComputeUnknown
from services.domain.session_name import SessionName

MAX_SOCKET_PATH_BYTES = 100
"""The longest path of a socket. sockaddr_un holds 108 bytes; some are left for programs that append to the name."""

MAX_SOCKET_NAME_LENGTH = len("jupyter/kernel-00000000-0000-0000-0000-000000000000-ipc-5")

SESSION_NAME_PATTERN = re.compile(r"sg-[0-9A-Za-z_]+-[0-9A-Za-z_]+-[0-9]+")
REFERENCE_PATTERN = re.compile(r"[0-9A-Za-z_-]+(\.(final-)?[0-9a-f]+)?\.tar\.zst")


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """The data directory of one installation on this machine."""

    root: Path
    installation: str

    @property
    def sessions(self) -> Path:
        return self.root / "sessions"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    @property
    def tools(self) -> Path:
        return self.root / "tools"

    @property
    def locks(self) -> Path:
        return self.root / "locks"

    def make(self) -> None:
        """Creates the directories, readable by their owner only. Raises ComputeFailed."""
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for path in (self.sessions, self.checkpoints, self.tools, self.locks, self.root / "cache"):
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ComputeFailed(f"The data directory {self.root} cannot be used: {error.strerror}.") from error

    def session(self, name: SessionName) -> "SessionDirectory":
        self._check(str(name))
        return SessionDirectory(self.sessions / str(name))

    def unfinished(self, name: SessionName) -> Path:
        """Returns the directory in which a session is prepared before it gets its name."""
        self._check(str(name))
        return self.sessions / f".new-{name}"

    def discarded(self, name: SessionName) -> Path:
        """Returns the name that a session's directory gets before it is deleted."""
        return self.sessions / f".gone-{name}"

    def checkpoint(self, reference: str) -> Path:
        """Returns the path of an archive. Raises ComputeFailed for a text that is no reference."""
        if not REFERENCE_PATTERN.fullmatch(reference):
            raise ComputeFailed(f"{reference!r} is not a checkpoint of a process compute environment.")
        return self.checkpoints / reference

    def choose_run_directory(self, name: SessionName) -> Path:
        """Returns the directory of the session's sockets: its own, or a short temporary one if that path would be too long."""
        inside = self.sessions / str(name) / "run"
        if len(os.fsencode(inside)) + 1 + MAX_SOCKET_NAME_LENGTH <= MAX_SOCKET_PATH_BYTES:
            return inside
        return private_directory(Path(tempfile.gettempdir()) / f"sg-{self.installation[:8]}") / f"{name.public_id}-{name.number}"

    @staticmethod
    def _check(name: str) -> None:
        if not SESSION_NAME_PATTERN.fullmatch(name):
            raise ComputeFailed(f"{name!r} cannot be the name of a session.")


def private_directory(path: Path) -> Path:
    """Creates a private directory inside one that others can write to. Raises ComputeFailed if somebody else created it."""
    path.mkdir(mode=0o700, exist_ok=True)
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise ComputeFailed(f"{path} is not a private directory of this user: remove it, or set TMPDIR, or use a shorter data directory.")
    return path


@dataclass(frozen=True, slots=True)
class SessionDirectory:
    """The directory of one session."""

    path: Path

    @property
    def files(self) -> Path:
        return self.path / "files"

    @property
    def staging(self) -> Path:
        """The copies of the session's files that its saves make."""
        return self.path / "staging"

    @property
    def state(self) -> Path:
        return self.path / "state.json"

    def write_session_record(self, session_record: "SessionRecord") -> None:
        with (self.path / "session.json").open("w") as file:
            file.write(json.dumps(asdict(session_record)))
            file.flush()
            os.fsync(file.fileno())

    def session_record(self) -> "SessionRecord | None":
        """Returns the record; None if there is no such session. Raises ComputeUnknown if it cannot be read."""
        try:
            data = json.loads((self.path / "session.json").read_text())
            return SessionRecord(SessionName(**data.pop("name")), **data)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ComputeUnknown(f"The session's record in {self.path} cannot be read: {error}") from error


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """What is fixed when a session is created (`session.json`). Without its variables, which may hold secrets."""

    name: SessionName
    marker: str
    run_directory: str

    @property
    def tool_socket(self) -> Path:
        return Path(self.run_directory) / "tool.sock"

    @property
    def keeper_socket(self) -> Path:
        return Path(self.run_directory) / "keeper.sock"
