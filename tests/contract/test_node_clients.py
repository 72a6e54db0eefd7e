"""What browsers run: the graphql-http audit, and the graphql-ws client with its retries."""

import pytest

from tests.clients import node
from tests.contract.conftest import Running
from tests.contract.world import TOKEN

pytestmark = pytest.mark.node

NEWER_THAN_THE_AUDIT = {
    "47DE": "`*/*` gets the server's preferred type, which is application/graphql-response+json",
    "80D8": "so does a request without Accept",
    "86EE": "variables that cannot be coerced are 422, no longer 400",
}
"""Where the audit (graphql-http 1.23.1) contradicts the draft of August 2026, which we follow."""

ITEMS = "subscription{items}"


async def test_the_graphql_http_audit_finds_no_error_and_no_unknown_warning(api: Running) -> None:
    async with node.run("audit.mjs", api.url, TOKEN) as program:
        results = await program.rest()
    assert len(results) > 55
    assert [result for result in results if result["status"] == "error"] == []
    assert {result["id"] for result in results if result["status"] == "warn"} == set(NEWER_THAN_THE_AUDIT)


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
