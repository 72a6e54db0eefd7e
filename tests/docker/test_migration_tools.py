"""What the images of the tools report of software that does not fit them: packages of R, extensions of Visual Studio Code (B74)."""

import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from services.controller.migration.probes import findings, probes
from services.domain.migration_checks import SessionReport, issues_of
from services.domain.migration_files import InstalledSoftware, PythonPackage
from services.domain.migration_tools import RULES
from services.domain.statuses import Tool
from tests.docker.built import provided
from tests.docker.tiny_image import docker, run

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.behaviour("B74")]
MARK = "studiograph-1"


@asynccontextmanager
async def container(recipe: str) -> AsyncIterator[str]:
    """A container of the provided image, without its tool."""
    made = await run("run", "--detach", "--entrypoint", "/bin/sleep", await provided(recipe), "300")
    try:
        yield made
    finally:
        docker("rm", "--force", made)


def issues(container: str, tool: Tool, software: InstalledSoftware) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Returns the kind and the commands of each issue, by its subject."""
    reported = []
    for probe in probes(software, MARK):
        done = subprocess.run(["docker", "exec", container, *probe.program.argv], capture_output=True, timeout=120, check=False)
        reported += findings(done.stdout, MARK)
    return {issue.subject: (issue.kind.value, issue.commands) for issue in issues_of(RULES[tool], SessionReport(software, (), reported))}


async def test_packages_of_r_that_cannot_be_loaded_are_reported_and_others_are_not() -> None:
    async with container("r-ide") as made:
        damage = "mkdir -p $0/broken && echo 'Package: broken' >$0/broken/DESCRIPTION"
        docker("exec", made, "sh", "-c", damage, "/usr/local/lib/R/site-library")
        software = InstalledSoftware((PythonPackage("jupyterlab", None),), ("broken", "stats"), (), (), ("usr/bin/R",))
        assert issues(made, Tool.R_IDE, software) == {"broken": ("PACKAGE_BROKEN", ("Rscript -e 'remove.packages(\"broken\")'",))}


async def test_extensions_that_the_version_of_vs_code_does_not_load_are_reported() -> None:
    manifests = {
        "new.needs-1.0.0": {"publisher": "new", "name": "needs", "version": "1.0.0", "engines": {"vscode": "^9.0.0"}},
        "fits.well-1.0.0": {"publisher": "fits", "name": "well", "version": "1.0.0", "engines": {"vscode": "^1.50.0"}},
        "lost.main-2.0.0": {"publisher": "lost", "name": "main", "version": "2.0.0", "engines": {"vscode": "*"}, "main": "./out/x.js"},
    }
    async with container("vscode") as made:
        for name, manifest in manifests.items():
            install = 'd=$HOME/.local/share/code-server/extensions/$0; mkdir -p "$d" && echo "$1" >"$d/package.json"'
            docker("exec", made, "sh", "-c", install, name, json.dumps(manifest))
        software = InstalledSoftware((), (), ("fits.well", "gone.away", "lost.main", "new.needs"), (), ())
        assert issues(made, Tool.VSCODE, software) == {
            name: ("EXTENSION_REFUSED", (f"code-server --uninstall-extension {name}",)) for name in ("new.needs", "lost.main", "gone.away")
        }
        written = docker("exec", made, "sh", "-c", "ls -A $HOME/.config 2>/dev/null || true")
        assert "code-server" not in written
