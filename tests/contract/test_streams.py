"""An operation on every transport that streams: one table of rules for WebSocket, SSE and multipart."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from schema.limits import Limits
from services.domain.errors import Forbidden
from tests.contract.conftest import Running, Serve
from tests.contract.watching import COMPLETE, STREAMING, Watch
from tests.contract.world import TOKEN
from tests.waiting import WAIT_LIMIT_S

Watching = Callable[..., AbstractAsyncContextManager[Watch]]


@pytest.fixture(params=STREAMING)
def watch(request: pytest.FixtureRequest) -> Watching:
    """`watch(api, query, ...)` is an operation that was sent."""
    over = STREAMING[request.param]
    return lambda api, query, token=TOKEN, **more: over(api.port, token, {"query": query} | more)


async def all_gone(api: Running) -> None:
    """Close what is open, and wait until nothing of it runs."""
    await asyncio.gather(api.sockets.close(), api.streams.close())


async def test_a_query_is_one_next_and_complete(api: Running, watch: Watching) -> None:
    async with watch(api, "query A{me{name}} query B{me{age}}", operationName="B") as watched:
        assert await watched.rest() == [("next", {"data": {"me": {"age": 36}}}), COMPLETE]


async def test_a_mutation_is_one_next_and_complete(api: Running, watch: Watching) -> None:
    async with watch(api, "mutation($t:String!){write(text:$t)}", variables={"t": "\u2603"}) as watched:
        assert await watched.rest() == [("next", {"data": {"write": "\u2603"}}), COMPLETE]
    assert api.world.written == ["\u2603"]


async def test_a_subscription_is_a_next_for_each_event_and_complete_at_its_end(api: Running, watch: Watching) -> None:
    async with watch(api, "subscription{items}") as watched:
        await api.world.streams(1)
        await api.world.emit("one", "two\r\n---\n\ndata: x", None)
        assert await watched.rest() == [
            ("next", {"data": {"items": "one"}}),
            ("next", {"data": {"items": "two\r\n---\n\ndata: x"}}),
            COMPLETE,
        ]


async def test_events_keep_their_order_while_many_operations_run(api: Running, watch: Watching) -> None:
    async def read() -> list[int]:
        async with watch(api, "subscription{count(to:200)}") as watched:
            return [seen[1]["data"]["count"] for seen in (await watched.rest())[:-1]]

    assert await asyncio.gather(*(read() for _ in range(10))) == [list(range(200))] * 10


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"query": "{"}, "SYNTAX_ERROR"),
        ({"query": "{nowhere}"}, "VALIDATION_FAILED"),
        ({"query": "subscription{items people{name}}"}, "VALIDATION_FAILED"),
        ({"query": "query A{me{name}} query B{me{age}}"}, "UNKNOWN_OPERATION"),
        ({"query": "query($t:String!){echo(text:$t)}", "variables": {"t": 7}}, "INVALID_VARIABLES"),
        ({"query": "{" + " ".join(f"a{n}:echo" for n in range(40)) + "}"}, "LIMIT_EXCEEDED"),
        ({"query": "subscription{denied}"}, "FORBIDDEN"),
    ],
    ids=lambda value: value if isinstance(value, str) else value["query"][:40],
)
async def test_what_cannot_begin_says_why_and_leaves_others_alone(
    api: Running, watch: Watching, request_: dict[str, Any], code: str
) -> None:
    async with watch(api, "subscription{items}") as other:
        await api.world.streams(1)
        async with watch(api, **request_) as watched:
            kind, payload = await watched.receive()
            assert (kind, set(payload)) == ("refused", {code})
        await api.world.emit("still here")
        assert await other.payload() == {"data": {"items": "still here"}}


async def test_a_failure_after_the_start_is_a_next_with_errors_and_complete(api: Running, watch: Watching) -> None:
    async with watch(api, "{me{name} broken}") as watched:
        payload = await watched.payload()
        assert payload["data"] == {"me": {"name": "Ada"}, "broken": None}
        assert payload["errors"][0]["extensions"]["code"] == "INTERNAL"
        assert await watched.receive() == COMPLETE


async def test_a_failure_in_one_event_spoils_that_event_only(api: Running, watch: Watching) -> None:
    async with watch(api, "subscription{people{name broken}}") as watched:
        await api.world.streams(1)
        await api.world.emit("a", "b")
        for name in ("a", "b"):
            payload = await watched.payload()
            assert payload["data"] == {"people": {"name": name, "broken": None}}
            assert payload["errors"][0]["path"] == ["people", "broken"]


async def test_a_stream_that_breaks_says_so_and_completes(api: Running, watch: Watching) -> None:
    async with watch(api, "subscription{mine: items}") as watched:
        await api.world.streams(1)
        await api.world.emit("one", Forbidden("You were removed from the workspace."))
        assert await watched.payload() == {"data": {"mine": "one"}}
        payload = await watched.payload()
        assert payload["data"] is None
        error = payload["errors"][0]
        assert (error["message"], error["path"]) == ("You were removed from the workspace.", ["mine"])
        assert error["extensions"]["code"] == "FORBIDDEN"
        assert await watched.receive() == COMPLETE


async def test_leaving_a_subscription_runs_its_clean_up(api: Running, watch: Watching) -> None:
    for _ in range(3):
        async with watch(api, "subscription{items}") as watched:
            await api.world.streams(1)
            await watched.leave()
            await api.world.streams(0)


async def test_leaving_a_query_cancels_it(api: Running, watch: Watching) -> None:
    async with watch(api, "{slow}") as watched:
        await api.world.started.wait()
        await watched.leave()
        async with asyncio.timeout(WAIT_LIMIT_S):
            await api.world.cancelled.wait()


async def test_a_mutation_goes_on_when_its_client_is_lost(api: Running, watch: Watching) -> None:
    async with watch(api, 'mutation{slowWrite(text:"kept")}') as watched:
        await api.world.started.wait()
        watched.vanish()
    await all_gone(api)
    api.world.go_on.set()
    await api.executor.close()
    assert api.world.written == ["kept"]


async def test_each_event_of_a_subscription_has_a_context_of_its_own(api: Running, watch: Watching) -> None:
    async with watch(api, "subscription{people{name}}") as watched:
        await api.world.streams(1)
        await api.world.emit("a", "b")
        await watched.payload()
        await watched.payload()
        assert len(api.world.contexts) == 3  # one to subscribe, one an event


async def test_a_source_that_never_waits_starves_nobody_and_ends_with_its_client(api: Running, watch: Watching) -> None:
    """Defect 16 of the stock server: it spun for ever after the client had gone."""
    async with watch(api, "subscription{endless(size:10)}") as busy:
        await busy.payload()
        for _ in range(5):
            async with watch(api, "{me{name}}") as other:
                assert len(await other.rest()) == 2
        busy.vanish()
        async with watch(api, "{me{name}}") as other:
            assert len(await other.rest()) == 2
    await all_gone(api)


async def test_a_query_that_takes_too_long_is_refused(serve: Serve, watch: Watching) -> None:
    api = await serve(Limits(query_seconds=0.05))
    async with watch(api, "{slow}") as watched:
        assert await watched.receive() == ("refused", ["TIMEOUT"])


async def test_an_event_that_takes_too_long_ends_its_stream_so_that_the_client_resumes(serve: Serve, watch: Watching) -> None:
    api = await serve(Limits(query_seconds=0.05))
    async with watch(api, "subscription{people{name slow}}") as watched:
        await api.world.streams(1)
        await api.world.emit("a", "b")
        first, *rest = await watched.rest()
        assert "TIMEOUT" in str(first)
        assert rest in ([COMPLETE], [])
    await api.world.streams(0)


async def test_a_thousand_abrupt_disconnects_leave_no_task_and_no_traceback(
    api: Running, watch: Watching, caplog: pytest.LogCaptureFixture
) -> None:
    """Defect 18 of the stock server: a traceback for each."""
    before = len(asyncio.all_tasks())

    async def one(number: int) -> None:
        query = "subscription{items}" if number % 3 else "subscription{endless(size:100)}"
        async with watch(api, query) as watched:
            if not number % 6:
                await watched.receive()
            watched.vanish()

    for start in range(0, 1000, 50):
        async with asyncio.timeout(60):
            await asyncio.gather(*(one(start + offset) for offset in range(50)))
    await api.world.streams(0)
    await all_gone(api)
    async with asyncio.timeout(WAIT_LIMIT_S):
        while len(asyncio.all_tasks()) > before:  # noqa: ASYNC110 - tasks that end have no event to wait for
            await asyncio.sleep(0)
    assert not [record for record in caplog.records if record.exc_info or record.levelno >= logging.WARNING]
