"""A partner in Python: the `gql` client, over HTTP and over WebSocket."""

import asyncio

import pytest
from gql import Client, gql
from gql.transport.exceptions import TransportQueryError, TransportServerError
from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.websockets import WebsocketsTransport

from tests.contract.conftest import Running
from tests.contract.world import TOKEN
from tests.waiting import WAIT_LIMIT_S

AUTHORIZATION = {"Authorization": f"Bearer {TOKEN}"}


def http(api: Running) -> Client:
    return Client(transport=HTTPXAsyncTransport(api.url, headers=AUTHORIZATION), fetch_schema_from_transport=True)


def websocket(api: Running) -> Client:
    return Client(transport=WebsocketsTransport(api.ws_url, init_payload=AUTHORIZATION))


async def test_it_reads_the_schema_and_asks_over_http(api: Running) -> None:
    async with http(api) as session:
        assert await session.execute(gql("{me{name}}")) == {"me": {"name": "Ada"}}
        assert session.client.schema is not None
        with pytest.raises(TransportQueryError, match="needs the role"):
            await session.execute(gql("{forbidden}"))


async def test_it_learns_that_its_token_is_bad(api: Running) -> None:
    client = Client(transport=HTTPXAsyncTransport(api.url, headers={"Authorization": "Bearer bad"}))
    with pytest.raises((TransportServerError, TransportQueryError)):
        async with client as session:
            await session.execute(gql("{me{name}}"))


async def test_it_asks_and_subscribes_over_one_websocket(api: Running) -> None:
    async with websocket(api) as session:
        assert await session.execute(gql("{me{name}}")) == {"me": {"name": "Ada"}}

        async def read() -> list[str]:
            return [event["items"] async for event in session.subscribe(gql("subscription{items}"))]

        reading = asyncio.create_task(read())
        await api.world.streams(1)
        await api.world.emit("one", "two", None)
        async with asyncio.timeout(WAIT_LIMIT_S):
            assert await reading == ["one", "two"]


async def test_breaking_off_its_loop_ends_the_subscription_here(api: Running) -> None:
    async with websocket(api) as session:
        async for _ in session.subscribe(gql("subscription{endless(size:1)}")):
            break
        reading = asyncio.create_task(anext(session.subscribe(gql("subscription{items}"))))
        await api.world.streams(1)
        reading.cancel()
        await api.world.streams(0)
