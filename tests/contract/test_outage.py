"""While the database is away, clients get a stable code on which they try again, and the log one line for each operation."""

import logging

import pytest

from tests.contract.conftest import Running
from tests.contract.transports import TRANSPORTS
from tests.contract.world import LOST

OPERATIONS = ["{lost}", "{me{name} a:lost b:lost}", "mutation{lostWrite}"]
CODES = ["SERVICE_UNAVAILABLE"]


@pytest.mark.parametrize("accept", ["application/graphql-response+json", "application/json", None])
@pytest.mark.parametrize("query", OPERATIONS)
async def test_http_answers_503_and_when_to_try_again(
    api: Running, caplog: pytest.LogCaptureFixture, query: str, accept: str | None
) -> None:
    with caplog.at_level(logging.WARNING, logger="schema"):
        response = await api.post({"query": query}, accept=accept)
    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    assert [error["extensions"]["code"] for error in response.json()["errors"]] == CODES
    assert "data" not in response.json()
    assert [(record.getMessage(), record.exc_info) for record in caplog.records] == [(LOST, None)]


async def test_a_token_that_cannot_be_looked_up_is_not_called_wrong(api: Running) -> None:
    response = await api.post({"query": "{me{name}}"}, headers={"authorization": "Bearer lost"})
    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    assert [error["extensions"]["code"] for error in response.json()["errors"]] == CODES


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("query", OPERATIONS)
async def test_every_transport_tells_the_same_code(api: Running, transport: str, query: str) -> None:
    answer = await TRANSPORTS[transport](api, {"query": query})
    assert [error["extensions"]["code"] for error in answer["errors"]] == CODES


@pytest.mark.parametrize("transport", sorted(set(TRANSPORTS) - {"http"}))
async def test_a_subscription_that_cannot_begin_tells_the_same_code(api: Running, transport: str) -> None:
    answer = await TRANSPORTS[transport](api, {"query": "subscription{lost}"})
    assert [error["extensions"]["code"] for error in answer["errors"]] == CODES


async def test_a_socket_whose_token_cannot_be_looked_up_is_closed_to_be_opened_again(api: Running) -> None:
    async with api.socket(token=None) as socket:
        await socket.send(type="connection_init", payload={"Authorization": "Bearer lost"})
        code, reason = await socket.closed()
    assert code == 1013
    assert "database" in (reason or "")
