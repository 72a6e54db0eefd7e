"""What the server logs, and what it never does."""

import logging
from pathlib import Path

import orjson
import pytest

from services.runtime.outage import ServiceOutage
from studiograph.logging_setup import SummarizeOutages
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


def record_of(error: Exception) -> logging.LogRecord:
    return logging.LogRecord("test", logging.ERROR, "test.py", 1, "%s failed", ("A step",), (type(error), error, None))


@pytest.mark.parametrize(
    "error", [ServiceOutage("no answer"), ExceptionGroup("steps", [ServiceOutage("no answer"), ServiceOutage("no answer")])]
)
def test_an_outage_is_logged_in_one_line(error: Exception) -> None:
    record = record_of(error)
    assert SummarizeOutages().filter(record)
    assert logging.Formatter().format(record) == "A step failed: no answer"


@pytest.mark.parametrize("error", [ValueError("a mistake"), ExceptionGroup("steps", [ServiceOutage("no answer"), ValueError("a mistake")])])
def test_an_unexpected_error_is_logged_with_its_traceback(error: Exception) -> None:
    record = record_of(error)
    assert SummarizeOutages().filter(record)
    assert "ValueError: a mistake" in logging.Formatter().format(record)
    assert record.exc_info
