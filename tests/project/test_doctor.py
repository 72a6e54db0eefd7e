"""Doctor: plain words, and what to do."""

import asyncio
import os
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from services.compute.process import ProcessCompute
from services.compute.protocol import ImageSpec, SessionSpec
from services.domain.ids import new_id, new_public_id
from services.domain.session_name import SessionName
from services.secrets.installation import ensure_installation
from services.store.db.database import Database
from studiograph.web.health import INSTALLATION_HEADER
from tests.compute.world import quietly
from tests.project.conftest import Command
from tests.server import TINY


def test_a_machine_before_the_first_start_is_fine(studiograph: Command) -> None:
    answer = studiograph("doctor")
    assert answer.returncode == 0, answer.stdout
    assert "Database: not created yet" in answer.stdout
    assert "make run" in answer.stdout


@pytest.mark.parametrize("ours", [True, False])
async def test_a_port_that_a_server_holds_is_fine_if_it_is_of_this_installation(studiograph: Command, tmp_path: Path, ours: bool) -> None:
    studiograph("migrate")
    database = Database(f"sqlite:///{tmp_path}/data/studiograph.db")
    Livez.installation = await ensure_installation(database) if ours else new_id()
    await database.close()
    with ThreadingHTTPServer(("127.0.0.1", 0), Livez) as other:
        Thread(target=other.serve_forever, daemon=True).start()
        answer = await asyncio.to_thread(studiograph, "doctor", port=str(other.server_port))
        other.shutdown()
    assert answer.returncode == (0 if ours else 1), answer.stdout
    expected = f"Server: running at port {other.server_port}" if ours else "used by a Studiograph server of another installation"
    assert expected in answer.stdout


class Livez(BaseHTTPRequestHandler):
    """What a server on PostgreSQL shows of itself: it holds no lock."""

    installation = ""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header(INSTALLATION_HEADER, self.installation)
        self.end_headers()
        self.wfile.write(b"ok" if self.path == "/livez" else b"")

    def log_message(self, *_: object) -> None:
        """Quiet."""


def test_what_is_missing_comes_with_what_to_do(studiograph: Command) -> None:
    studiograph("migrate")
    answer = studiograph("doctor")
    assert "no user yet" in answer.stdout
    assert "studiograph user add" in answer.stdout
    assert "Templates: none" in answer.stdout
    assert "studiograph template add" in answer.stdout
    assert "studiograph compute add" in answer.stdout


def test_process_sessions_are_spoken_of_only_where_there_can_be_any(studiograph: Command) -> None:
    root = os.geteuid() == 0
    assert ("process sessions with it" in studiograph("doctor").stdout) is root
    assert "process sessions" not in studiograph("doctor", process_compute="false").stdout


def test_a_taken_port_is_bad(studiograph: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        answer = studiograph("doctor", port=str(other.getsockname()[1]))
    assert answer.returncode == 1
    assert "taken by another program" in answer.stdout


async def test_a_session_that_no_studio_knows_is_reported_and_removed_only_on_request(studiograph: Command, tmp_path: Path) -> None:
    studiograph("migrate")
    database = Database(f"sqlite:///{tmp_path}/data/studiograph.db")
    installation = await ensure_installation(database)
    await database.close()
    compute = ProcessCompute(tmp_path / "data", installation)
    name = SessionName(installation, new_id(), new_public_id(), 1)
    spec = SessionSpec(name, ImageSpec("CUSTOM", TINY, ""), 8888, "/", 1.0, 0, 0)
    await compute.ensure_session(spec, quietly)
    assert str(name) in studiograph("doctor").stdout
    assert await compute.sessions()
    assert f"removed {name}" in studiograph("doctor", "--prune").stdout
    assert await compute.sessions() == []


def test_an_open_data_directory_is_bad(studiograph: Command, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    os.chmod(tmp_path / "data", 0o755)  # noqa: PTH101 - the mode is the point
    answer = studiograph("doctor")
    assert answer.returncode == 1
    assert "chmod 700" in answer.stdout


def test_a_database_that_is_away_is_bad(studiograph: Command) -> None:
    answer = studiograph("doctor", database_url="postgresql://ada@127.0.0.1:1/x")
    assert answer.returncode == 1
    assert "does not answer" in answer.stdout
