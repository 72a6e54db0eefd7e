"""graphql-transport-ws: operations on an acknowledged socket."""

import asyncio
import logging

import pytest

from schema.limits import Limits
from schema.transport.gate import SocketLimits
from services.errors import Forbidden
from tests.contract.conftest import Running, Serve


def kinds(messages: list[dict[str, object]]) -> list[object]:
    return [message["type"] for message in messages]


async def test_a_query_is_one_next_and_complete(api: Running) -> None:
    async with api.socket() as socket:
        assert await socket.operation("query A{me{name}} query B{me{age}}", "a", operationName="B") == [
            {"id": "a", "type": "next", "payload": {"data": {"me": {"age": 36}}}},
            {"id": "a", "type": "complete"},
        ]


async def test_a_mutation_is_one_next_and_complete(api: Running) -> None:
    async with api.socket() as socket:
        assert kinds(await socket.operation('mutation{write(text:"x")}')) == ["next", "complete"]
    assert api.world.written == ["x"]


async def test_a_subscription_is_a_next_for_each_event_and_complete_at_its_end(api: Running) -> None:
    async with api.socket() as socket:
        await socket.subscribe("subscription{items}", "s")
        await api.world.streams(1)
        await api.world.emit("one", "two", None)
        got = [await socket.receive() for _ in range(3)]
    assert [message.get("payload") for message in got] == [{"data": {"items": "one"}}, {"data": {"items": "two"}}, None]
    assert kinds(got) == ["next", "next", "complete"]


async def test_events_keep_their_order_while_many_operations_run(api: Running) -> None:
    async with api.socket() as socket:
        for number in range(10):
            await socket.subscribe("subscription{count(to:200)}", str(number))
        seen: dict[str, list[int]] = {str(number): [] for number in range(10)}
        done = 0
        while done < 10:
            message = await socket.receive()
            if message["type"] == "complete":
                done += 1
            else:
                seen[message["id"]].append(message["payload"]["data"]["count"])
    assert all(numbers == list(range(200)) for numbers in seen.values())


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
async def test_what_cannot_begin_is_an_error_of_that_operation_only(api: Running, request_: dict[str, str], code: str) -> None:
    """Defect 17 of the stock server: a syntax error killed the other subscriptions of the socket."""
    async with api.socket() as socket:
        await socket.subscribe("subscription{items}", "sibling")
        await api.world.streams(1)
        await socket.send(type="subscribe", id="bad", payload=request_)
        message = await socket.receive()
        assert (message["type"], message["id"]) == ("error", "bad")
        assert message["payload"][0]["extensions"]["code"] == code
        await api.world.emit("still here")
        assert (await socket.receive())["payload"] == {"data": {"items": "still here"}}


async def test_the_id_of_a_refused_operation_is_free_again(api: Running) -> None:
    async with api.socket() as socket:
        assert kinds(await socket.operation("{", "1")) == ["error"]
        assert kinds(await socket.operation("{me{name}}", "1")) == ["next", "complete"]
        assert kinds(await socket.operation("{me{name}}", "1")) == ["next", "complete"]


async def test_a_failure_after_the_start_is_a_next_with_errors_and_complete(api: Running) -> None:
    async with api.socket() as socket:
        got = await socket.operation("{me{name} broken}")
        assert kinds(got) == ["next", "complete"]
        assert got[0]["payload"]["data"] == {"me": {"name": "Ada"}, "broken": None}
        assert got[0]["payload"]["errors"][0]["extensions"]["code"] == "INTERNAL"


async def test_a_failure_in_one_event_spoils_that_event_only(api: Running) -> None:
    async with api.socket() as socket:
        await socket.subscribe("subscription{people{name broken}}")
        await api.world.streams(1)
        await api.world.emit("a", "b")
        for name in ("a", "b"):
            payload = (await socket.receive())["payload"]
            assert payload["data"] == {"people": {"name": name, "broken": None}}
            assert payload["errors"][0]["path"] == ["people", "broken"]


async def test_a_stream_that_breaks_says_so_and_completes(api: Running) -> None:
    async with api.socket() as socket:
        await socket.subscribe("subscription{mine: items}")
        await api.world.streams(1)
        await api.world.emit("one", Forbidden("You were removed from the workspace."))
        assert (await socket.receive())["payload"] == {"data": {"mine": "one"}}
        message = await socket.receive()
        assert message["payload"]["data"] is None
        error = message["payload"]["errors"][0]
        assert (error["message"], error["path"]) == ("You were removed from the workspace.", ["mine"])
        assert error["extensions"]["code"] == "FORBIDDEN"
        assert kinds([await socket.receive()]) == ["complete"]


async def test_completing_a_subscription_runs_its_clean_up_and_frees_its_id(api: Running) -> None:
    async with api.socket() as socket:
        for _ in range(3):
            await socket.subscribe("subscription{items}")
            await api.world.streams(1)
            await socket.send(type="complete", id="1")
            await api.world.streams(0)
        assert kinds(await socket.operation("{me{name}}")) == ["next", "complete"]


async def test_completing_a_query_cancels_it(api: Running) -> None:
    async with api.socket() as socket:
        await socket.subscribe("{slow}")
        await api.world.started.wait()
        await socket.send(type="complete", id="1")
        async with asyncio.timeout(5):
            await api.world.cancelled.wait()


async def test_a_mutation_goes_on_when_completed_or_when_its_socket_is_lost(api: Running) -> None:
    async with api.socket() as socket:
        await socket.subscribe('mutation{slowWrite(text:"kept")}')
        await api.world.started.wait()
        socket.connection.transport.abort()
    api.world.go_on.set()
    await api.sockets.close()
    await api.executor.close()
    assert api.world.written == ["kept"]


async def test_an_id_in_use_closes_with_4409(api: Running) -> None:
    async with api.socket() as socket:
        await socket.subscribe("subscription{items}")
        await socket.subscribe("{me{name}}")
        code, reason = await socket.closed()
    assert (code, reason) == (4409, "Subscriber for 1 already exists.")


async def test_operations_beyond_the_limit_are_refused_and_the_socket_stays(serve: Serve) -> None:
    api = await serve(socket_limits=SocketLimits(operations=2))
    async with api.socket() as socket:
        await socket.subscribe("subscription{items}", "1")
        await socket.subscribe("subscription{items}", "2")
        refused = await socket.operation("{me{name}}", "3")
        assert kinds(refused) == ["error"]
        assert refused[0]["payload"][0]["extensions"]["code"] == "TOO_MANY_OPERATIONS"
        await socket.send(type="complete", id="1")
        assert kinds(await socket.operation("{me{name}}", "3")) == ["next", "complete"]


async def test_each_operation_of_a_socket_has_a_context_of_its_own(api: Running) -> None:
    """Defect 15 of the stock server: one for the whole socket, loaders and all."""
    async with api.socket() as socket:
        for id_ in "12":
            got = await socket.operation('{a:remember(key:"k") b:remember(key:"k")}', id_)
            assert got[0]["payload"] == {"data": {"a": 1, "b": 2}}
    assert len({id(context) for context in api.world.contexts}) == 2


async def test_each_event_of_a_subscription_has_a_context_of_its_own(api: Running) -> None:
    async with api.socket() as socket:
        await socket.subscribe("subscription{people{name}}")
        await api.world.streams(1)
        await api.world.emit("a", "b")
        await socket.receive()
        await socket.receive()
        assert len(api.world.contexts) == 3  # one to subscribe, one an event


async def test_a_source_that_never_waits_starves_nobody_and_ends_with_its_socket(api: Running) -> None:
    """Defect 16 of the stock server: it spun for ever after the client had gone."""
    async with api.socket() as busy, api.socket() as other:
        await busy.subscribe("subscription{endless(size:10)}")
        await busy.receive()
        for _ in range(5):
            assert kinds(await other.operation("{me{name}}")) == ["next", "complete"]
        busy.connection.transport.abort()
        assert kinds(await other.operation("{me{name}}")) == ["next", "complete"]
    await api.sockets.close()


async def test_a_query_that_takes_too_long_is_an_error(serve: Serve) -> None:
    api = await serve(Limits(query_seconds=0.05))
    async with api.socket() as socket:
        got = await socket.operation("{slow}")
        assert (got[0]["type"], got[0]["payload"][0]["extensions"]["code"]) == ("error", "TIMEOUT")


async def test_an_event_that_takes_too_long_ends_its_stream_so_that_the_client_resumes(serve: Serve) -> None:
    api = await serve(Limits(query_seconds=0.05))
    async with api.socket() as socket:
        await socket.subscribe("subscription{people{name slow}}")
        await api.world.streams(1)
        await api.world.emit("a", "b")
        got = [await socket.receive() for _ in range(2)]
        assert kinds(got) == ["next", "complete"]
        assert got[0]["payload"]["errors"][0]["extensions"]["code"] == "TIMEOUT"
    await api.world.streams(0)


async def test_a_thousand_abrupt_disconnects_leave_no_task_and_no_traceback(api: Running, caplog: pytest.LogCaptureFixture) -> None:
    """Defect 18 of the stock server: a traceback for each."""
    before = len(asyncio.all_tasks())

    async def one(number: int) -> None:
        async with api.socket() as socket:
            await socket.subscribe("subscription{items}", "a")
            await socket.subscribe("subscription{endless(size:100)}", "b")
            if number % 2:
                await socket.receive()
            socket.connection.transport.abort()

    for start in range(0, 1000, 50):
        async with asyncio.timeout(60):
            await asyncio.gather(*(one(start + offset) for offset in range(50)))
    await api.world.streams(0)
    await api.sockets.close()
    async with asyncio.timeout(10):
        while len(asyncio.all_tasks()) > before:  # noqa: ASYNC110 - tasks that end have no event to wait for
            await asyncio.sleep(0)
    assert not [record for record in caplog.records if record.exc_info or record.levelno >= logging.WARNING]
