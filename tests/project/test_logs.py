"""What the server logs, and what it never does."""

from pathlib import Path

import orjson

from tests.server import running


async def test_requests_are_logged_without_their_queries(tmp_path: Path, sqlite_url: str) -> None:
    async with running(tmp_path, sqlite_url, access_log="true", log_format="json") as server:
        await server.http.get(f"{server.url}/livez?code=sgc_secret")
        await server.graphql("{ viewer { userName } }")
    lines = [orjson.loads(line) for line in server.log.splitlines()]
    assert any("GET /livez" in line["message"] for line in lines)
    assert {"at", "level", "logger", "message"} <= lines[0].keys()
    assert "sgc_secret" not in server.log
    assert server.world.secret not in server.log


async def test_requests_are_not_logged_unless_asked_for(tmp_path: Path, sqlite_url: str) -> None:
    async with running(tmp_path, sqlite_url) as server:
        await server.http.get(f"{server.url}/livez")
    assert "/livez" not in server.log
