"""JupyterLab for tests: installed once a run, from the package index; everything that uses it is marked slow."""

import os
from pathlib import Path

import pytest

from services.compute.process.jupyterlab import REQUIREMENTS
from services.compute.protocol import ImageSpec
from services.domain.statuses import Tool

VERSION = sorted(path.stem.removeprefix("jupyterlab-") for path in REQUIREMENTS.glob("jupyterlab-*.txt"))[-1]
IMAGE = ImageSpec(Tool.JUPYTERLAB, "jupyterlab", VERSION)


@pytest.fixture(scope="session")
def jupyterlab_tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `tools` directory that data directories of tests link to. The first use installs; `STUDIOGRAPH_TEST_TOOLS` names one to keep."""
    kept = os.environ.get("STUDIOGRAPH_TEST_TOOLS")
    if kept:
        Path(kept).mkdir(parents=True, exist_ok=True)
        return Path(kept).absolute()
    base = tmp_path_factory.getbasetemp()
    run = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base  # all workers of a run share it: an installation is locked
    tools = run / "tools"
    tools.mkdir(exist_ok=True)
    return tools
