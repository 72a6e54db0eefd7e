"""A server's start, its surroundings, and its end."""

import subprocess
import sys
from pathlib import Path

import pytest

from connect import reload_script
from services.commands import CommandRunner
from services.domain.access import Operator
from services.identity.people import People
from services.store.db.database import Database
from studiograph.operator_errors import OperatorError
from studiograph.serve_lock import hold_serve_lock, running_server
from tests.project.conftest import ROOT
from tests.server import Server, running

IDLE_MIB = 150


def _resident_mib(process_id: int) -> float:
    status = Path(f"/proc/{process_id}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) / 1024


async def test_it_lives_and_is_ready(server: Server) -> None:
    assert (await server.http.get(f"{server.url}/livez")).text == "ok"
    assert (await server.http.get(f"{server.url}/readyz")).json() == {"ready": True, "database": "ok"}


async def test_it_answers_graphql(server: Server) -> None:
    data = await server.graphql("{ serverInfo { version dialAddress } }")
    assert data["serverInfo"]["dialAddress"] == f"127.0.0.1:{server.port}"


async def test_sigterm_ends_it_in_good_order(server: Server) -> None:
    assert await server.stop() == 0
    assert "Traceback" not in server.log
    assert running_server(server.directory / "data") is None


async def test_open_sockets_are_told_to_come_back_when_it_stops(server: Server) -> None:
    async with server.socket() as socket:
        await server.stop()
        await socket.connection.wait_closed()
        assert socket.connection.close_code == 1012


async def test_a_kind_that_is_switched_off_is_not_offered_and_others_may_join(tmp_path: Path, sqlite_url: str) -> None:
    async with running(tmp_path, sqlite_url, process_compute="false") as server:
        data = await server.graphql("{ viewer { memberships { workspace { computeEnvironments { kind enabled } } } } }")
        [membership] = data["viewer"]["memberships"]
        assert membership["workspace"]["computeEnvironments"] == [{"kind": "PROCESS", "enabled": False}]
        database = Database(sqlite_url)
        assert await People(CommandRunner(database)).create_user(Operator(), "grace")
        await database.close()


async def test_an_idle_server_is_small(server: Server) -> None:
    await server.stop()
    server.is_fresh = True  # a fork shares memory with the process that it came from
    await server.start()
    await server.graphql("{ viewer { userName } }")
    assert server.process
    assert _resident_mib(server.process.pid) < IDLE_MIB


async def test_the_api_origin_is_guarded_by_headers(server: Server) -> None:
    headers = (await server.http.get(f"{server.url}/livez")).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "server" not in headers


@pytest.mark.parametrize("path", ["/", "/explore"])
async def test_a_page_allows_no_foreign_script_and_one_of_its_own_that_is_inline(server: Server, path: str) -> None:
    answer = await server.http.get(f"{server.url}{path}")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert f"script-src 'self' {reload_script.SOURCE};" in policy
    assert answer.text.count("<script>") == 1
    assert f"<script>{reload_script.SCRIPT}</script>" in answer.text
    assert "https://" not in answer.text.replace("https://www.w3.org", "")


async def test_pages_can_be_switched_off(tmp_path: Path, sqlite_url: str) -> None:
    async with running(tmp_path, sqlite_url, page="false", explorer="false") as server:
        for path in ("/", "/explore", "/assets/main.js"):
            assert (await server.http.get(f"{server.url}{path}")).status_code == 404


def test_a_second_server_on_the_same_data_is_told_where_the_first_is(tmp_path: Path) -> None:
    with hold_serve_lock(tmp_path) as note:
        note("http://127.0.0.1:8000")
        with pytest.raises(OperatorError, match=r"http://127\.0\.0\.1:8000"), hold_serve_lock(tmp_path):
            pass
    assert running_server(tmp_path) is None


def test_a_proxy_knows_no_graphql() -> None:
    code = "import sys, studiograph.proxy_role; print(*[m for m in ('schema', 'resolvers', 'strawberry', 'graphql') if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    assert loaded == ""
