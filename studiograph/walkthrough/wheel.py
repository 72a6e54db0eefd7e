"""Builds a small Python package that the demo installs without a network."""

import base64
import hashlib
import zipfile
from pathlib import Path

NAME = "studiograph_greeting"
VERSION = "1.0"
GREETING = "hello from an installed package"


def build(directory: Path) -> Path:
    """Writes the wheel (PEP 427) and returns its path."""
    info = f"{NAME}-{VERSION}.dist-info"
    files = {
        f"{NAME}.py": f"GREETING = {GREETING!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: studiograph\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},sha256={_digest(text)},{len(text.encode())}\n" for name, text in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    path = directory / f"{NAME}-{VERSION}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return path


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
