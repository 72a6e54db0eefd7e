"""What browsers run: the graphql-http audit, and graphql-ws, graphql-sse and Apollo Client with their retries."""

import pytest

from tests.clients import node
from tests.clients.audit import EXPECTED_WARNINGS
from tests.contract.conftest import Running
from tests.contract.world import TOKEN

pytestmark = pytest.mark.node

ITEMS = "subscription{items}"


async def test_the_graphql_http_audit_finds_no_error_and_no_unknown_warning(api: Running) -> None:
    async with node.run("audit.mjs", api.url, TOKEN) as program:
        results = await program.rest()
    assert len(results) > 55
    assert [result for result in results if result["status"] == "error"] == []
    assert {result["id"] for result in results if result["status"] == "warn"} == set(EXPECTED_WARNINGS)


async def test_a_restart_s_1012_is_retried_and_the_subscription_goes_on(api: Running) -> None:
    async with node.run("live.mjs", api.ws_url, "one", "one", ITEMS) as program:
        await api.world.streams(1)
        await api.world.emit("before")
        await program.until("next", {"data": {"items": "before"}})
        await api.sockets.close()
        assert (await program.until("connected"))[0] == ["closed", 1012]
        await api.world.streams(1)
        await api.world.emit("after", None)
        assert await program.rest() == [["next", {"data": {"items": "after"}}], ["complete"], ["closed", 1000]]


async def test_a_token_that_ends_is_replaced_by_a_fresh_one(api: Running) -> None:
    async with node.run("live.mjs", api.ws_url, "old", "fresh", ITEMS) as program:
        await api.world.streams(1)
        api.world.end_token("old")
        assert (await program.until("closed"))[-1] == ["closed", 4403]
        await program.until("connected")
        await api.world.streams(1)
        assert api.world.contexts[-1].viewer.token_id == "fresh"


async def test_a_refused_token_is_retried_with_another(api: Running) -> None:
    async with node.run("live.mjs", api.ws_url, "bad", TOKEN, ITEMS) as program:
        assert await program.until("connected") == [["closed", 4403], ["connected"]]
        await api.world.streams(1)


async def test_what_cannot_begin_reaches_the_client_as_its_error(api: Running) -> None:
    async with node.run("live.mjs", api.ws_url, TOKEN, TOKEN, "subscription{denied}") as program:
        assert (await program.until("error"))[-1] == ["error", ["FORBIDDEN"]]


async def test_a_client_that_ends_leaves_no_stream(api: Running) -> None:
    async with node.run("live.mjs", api.ws_url, TOKEN, TOKEN, ITEMS):
        await api.world.streams(1)
    await api.world.streams(0)


async def test_graphql_sse_reads_a_query_as_it_reads_a_subscription(api: Running) -> None:
    async with node.run("sse.mjs", api.url, TOKEN, TOKEN, "{me{name}}") as program:
        assert await program.rest() == [["connected"], ["next", {"data": {"me": {"name": "Ada"}}}], ["complete"]]
    async with node.run("sse.mjs", api.url, TOKEN, TOKEN, ITEMS) as program:
        await api.world.streams(1)
        await api.world.emit("one", "two", None)
        texts = [seen[1]["data"]["items"] for seen in await program.rest() if seen[0] == "next"]
        assert texts == ["one", "two"]


async def test_graphql_sse_is_told_in_a_next_why_its_operation_cannot_begin(api: Running) -> None:
    async with node.run("sse.mjs", api.url, TOKEN, TOKEN, "subscription{denied}") as program:
        connected, (kind, payload), end = await program.rest()
        assert (connected, kind, end) == (["connected"], "next", ["complete"])
        assert payload["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_graphql_sse_retries_a_refused_token_with_another(api: Running) -> None:
    async with node.run("sse.mjs", api.url, "bad", TOKEN, ITEMS) as program:
        await program.until("connected")
        await api.world.streams(1)


async def test_graphql_sse_is_told_that_its_token_ended(api: Running) -> None:
    async with node.run("sse.mjs", api.url, "old", TOKEN, ITEMS) as program:
        await api.world.streams(1)
        api.world.end_token("old")
        _, (_, payload), end = await program.rest()
        assert (payload["errors"][0]["extensions"]["code"], end) == ("UNAUTHENTICATED", ["complete"])


async def test_graphql_sse_that_ends_leaves_no_stream(api: Running) -> None:
    async with node.run("sse.mjs", api.url, TOKEN, TOKEN, ITEMS):
        await api.world.streams(1)
    await api.world.streams(0)


async def test_apollo_client_asks_and_subscribes_over_http_as_it_is(api: Running) -> None:
    async with node.run("apollo.mjs", api.url, TOKEN, TOKEN, "{me{name}}", ITEMS) as program:
        assert await program.line() == ["query", {"me": {"__typename": "Person", "name": "Ada"}}]
        await api.world.streams(1)
        await api.world.emit("one", "two", None)
        assert await program.rest() == [["next", {"items": "one"}], ["next", {"items": "two"}], ["complete"]]


@pytest.mark.parametrize(("subscription", "code"), [("subscription{denied}", "FORBIDDEN"), ("subscription{nowhere}", "VALIDATION_FAILED")])
async def test_apollo_client_is_told_why_its_subscription_cannot_begin(api: Running, subscription: str, code: str) -> None:
    async with node.run("apollo.mjs", api.url, TOKEN, TOKEN, "", subscription) as program:
        assert (await program.until("error"))[-1] == ["error", [code]]


async def test_apollo_client_retries_with_a_fresh_token_when_its_own_ends(api: Running) -> None:
    async with node.run("apollo.mjs", api.url, "old", "fresh", "", ITEMS) as program:
        await api.world.streams(1)
        api.world.end_token("old")
        assert await program.until("retry") == [["retry", ["UNAUTHENTICATED"]]]
        await api.world.streams(1)
        await api.world.emit("after", None)
        assert await program.rest() == [["next", {"items": "after"}], ["complete"]]
        assert api.world.contexts[-1].viewer.token_id == "fresh"
