"""Reads and writes files that only the server's user may read: the installation's key and the demo user's token."""

import contextlib
import os
from pathlib import Path

from services.secrets.secret_box import SecretBox

KEY_FILE = "secret.key"


def installation_key(data_dir: Path, configured: str) -> str:
    """Returns the `configured` key; if it is empty, the key in the key file of `data_dir`, which is created when absent.

    Raises ValueError when it is not a key."""
    key = configured or _stored_key(data_dir / KEY_FILE)
    SecretBox(key)
    return key


def private_directory(path: Path) -> Path:
    """Creates the directory `path`, which other users cannot enter, and returns it."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def write_private(path: Path, text: str) -> None:
    """Writes a new file with mode 0600, which no other user can read at any moment. Raises FileExistsError."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def read_private(path: Path) -> str | None:
    """Returns the file's text without outer blanks, None when there is no such file."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        return None


def replace_private(path: Path, text: str) -> None:
    """Writes a file with mode 0600 in place of the one that may be there."""
    path.unlink(missing_ok=True)
    write_private(path, text)


def _stored_key(path: Path) -> str:
    private_directory(path.parent)
    with contextlib.suppress(FileExistsError):
        write_private(path, SecretBox.new_key())
    return path.read_text().strip()
