"""The command line as a person runs it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def studiograph(tmp_path: Path) -> Command:
    """Runs `studiograph ARGUMENTS` on a data directory of the test's own, at most `limit` seconds; settings by keyword."""

    def run(*arguments: str, limit: float = 60, **settings: str) -> "subprocess.CompletedProcess[str]":
        environment = {name: value for name, value in os.environ.items() if not name.startswith("STUDIOGRAPH_")}
        environment |= {"STUDIOGRAPH_DATA_DIR": str(tmp_path / "data"), "STUDIOGRAPH_PORT": "0", "COLUMNS": "120"}
        environment |= {f"STUDIOGRAPH_{name.upper()}": value for name, value in settings.items()}
        command = [sys.executable, "-m", "studiograph", *arguments]
        nothing = subprocess.DEVNULL  # whoever asks a question gets no answer
        return subprocess.run(command, cwd=ROOT, env=environment, stdin=nothing, capture_output=True, text=True, timeout=limit, check=False)

    return run
