"""The files that only the server's user may read: the installation's key, and the demo user's token."""

import contextlib
import os
from pathlib import Path

from services.secrets.secret_box import SecretBox

KEY_FILE = "secret.key"


def installation_key(data_dir: Path, given: str) -> str:
    """The key `given`; if that is empty, that of the key file of `data_dir`, which is made when absent.

    Raises ValueError when it is not a key."""
    key = given or _kept_key(data_dir / KEY_FILE)
    SecretBox(key)
    return key


def private_directory(path: Path) -> Path:
    """Make `path` a directory that others cannot enter."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def write_private(path: Path, text: str) -> None:
    """Write a new file with mode 0600, readable by nobody else at any moment. Raises FileExistsError."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def read_private(path: Path) -> str | None:
    """The file's text without outer blanks, or None when there is no such file."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        return None


def replace_private(path: Path, text: str) -> None:
    """The same, whether there is such a file or not."""
    path.unlink(missing_ok=True)
    write_private(path, text)


def _kept_key(path: Path) -> str:
    private_directory(path.parent)
    with contextlib.suppress(FileExistsError):
        write_private(path, SecretBox.new_key())
    return path.read_text().strip()
