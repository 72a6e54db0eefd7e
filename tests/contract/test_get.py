"""Queries by GET, as GraphQL over HTTP defines them, and what clients that shorten queries to hashes are told."""

import json
from typing import Any

import httpx
import pytest

from tests.clients import node
from tests.contract.conftest import LISTED, Running
from tests.contract.http_answers import GRAPHQL_JSON, LEGACY, code
from tests.contract.world import TOKEN

ECHO = "query A($t:String!){echo(text:$t)} query B{me{name}}"
APOLLO_HASH = {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}


async def get(api: Running, parameters: Any, *, accept: str = GRAPHQL_JSON, token: str | None = TOKEN, **headers: str) -> httpx.Response:
    """Sends a GET; `parameters` are a mapping, pairs, or the query string itself."""
    credentials = {"authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(verify=False) as client:
        if isinstance(parameters, str):
            return await client.get(f"{api.url}?{parameters}", headers={"accept": accept} | credentials | headers)
        return await client.get(api.url, params=parameters, headers={"accept": accept} | credentials | headers)


@pytest.mark.parametrize("accept", [GRAPHQL_JSON, LEGACY])
async def test_a_query_by_get_is_answered_like_one_by_post(api: Running, accept: str) -> None:
    response = await get(api, {"query": "{me{name}}"}, accept=accept)
    assert (response.status_code, response.headers["content-type"]) == (200, f"{accept}; charset=utf-8")
    assert response.headers["cache-control"] == "no-store"
    assert response.json() == {"data": {"me": {"name": "Ada"}}}


async def test_the_other_parameters_are_read(api: Running) -> None:
    parameters = {"query": ECHO, "operationName": "A", "variables": json.dumps({"t": "ü&="}), "extensions": "{}", "other": "x"}
    assert (await get(api, parameters)).json() == {"data": {"echo": "ü&="}}
    empty = {"query": "{me{name}}", "operationName": "", "variables": "", "extensions": ""}
    assert (await get(api, empty)).status_code == 200


async def test_a_mutation_by_get_is_405_and_does_nothing(api: Running) -> None:
    for accept in (GRAPHQL_JSON, LEGACY, "text/event-stream"):
        response = await get(api, {"query": 'mutation{write(text:"x")}'}, accept=accept)
        assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert api.world.written == []


async def test_a_query_beside_a_mutation_can_be_chosen(api: Running) -> None:
    document = 'query Q{me{name}} mutation M{write(text:"x")}'
    assert (await get(api, {"query": document, "operationName": "Q"})).status_code == 200
    assert (await get(api, {"query": document, "operationName": "M"})).status_code == 405


async def test_a_subscription_by_get_needs_a_stream(api: Running) -> None:
    refused = await get(api, {"query": "subscription{count(to:1)}"})
    assert (refused.status_code, code(refused)) == (422, "WRONG_TRANSPORT")
    streamed = await get(api, {"query": "subscription{count(to:1)}"}, accept="text/event-stream")
    assert "event: complete" in streamed.text


@pytest.mark.parametrize(
    ("parameters", "status", "why"),
    [
        ("", 422, "BAD_REQUEST"),
        ("query=", 400, "SYNTAX_ERROR"),
        ("query={nowhere}", 422, "VALIDATION_FAILED"),
        ("query={me{name}}&query={me{name}}", 422, "BAD_REQUEST"),
        ("query={me{name}}&variables=x", 422, "BAD_REQUEST"),
        ("query={me{name}}&variables=[]", 422, "BAD_REQUEST"),
        ("query={me{name}}&extensions=7", 422, "BAD_REQUEST"),
        ("query=%ff", 400, "BAD_REQUEST"),
        ("query={me{name}}" + "%20" * 3_000, 414, "LIMIT_EXCEEDED"),
    ],
)
async def test_a_bad_get_is_refused(api: Running, parameters: str, status: int, why: str) -> None:
    response = await get(api, parameters)
    assert (response.status_code, code(response)) == (status, why)


async def test_a_get_needs_the_bearer_token_and_takes_no_cookie_or_parameter_for_it(api: Running) -> None:
    parameters = {"query": "{me{name}}", "access_token": TOKEN, "authorization": f"Bearer {TOKEN}"}
    response = await get(api, parameters, token=None, cookie=f"sg_login={TOKEN}; authorization={TOKEN}")
    assert (response.status_code, code(response)) == (401, "UNAUTHENTICATED")


async def test_a_listed_origin_may_read_the_answer_to_a_get(api: Running) -> None:
    response = await get(api, {"query": "{me{name}}"}, origin=LISTED)
    assert response.headers["access-control-allow-origin"] == LISTED


@pytest.mark.parametrize("accept", [GRAPHQL_JSON, LEGACY])
async def test_a_hash_instead_of_a_query_is_not_supported_in_the_words_of_apollo(api: Running, accept: str) -> None:
    by_get = await get(api, {"extensions": json.dumps(APOLLO_HASH)}, accept=accept)
    for response in (by_get, await api.post({"extensions": APOLLO_HASH}, accept=accept)):
        assert response.status_code == 200
        assert response.json() == {
            "errors": [{"message": "PersistedQueryNotSupported", "extensions": {"code": "PERSISTED_QUERY_NOT_SUPPORTED"}}]
        }


async def test_a_query_with_its_hash_is_answered(api: Running) -> None:
    assert await api.ask("{me{name}}", extensions=APOLLO_HASH) == {"data": {"me": {"name": "Ada"}}}


@pytest.mark.node
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_apollo_client_with_persisted_queries_sends_the_whole_query_then(api: Running, method: str) -> None:
    async with node.run("persisted.mjs", api.url, TOKEN, method, "{me{name}}", "{me{age}}") as program:
        assert await program.rest() == [
            ["query", {"me": {"__typename": "Person", "name": "Ada"}}],
            ["query", {"me": {"__typename": "Person", "age": 36}}],
            ["requests", 3],
        ]
