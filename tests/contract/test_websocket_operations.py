"""graphql-transport-ws: several operations on one socket, told apart by their ids. What holds of each: test_streams."""

import pytest

from schema.transport.stream_slots import SocketLimits
from tests.contract.conftest import Running, Serve


def kinds(messages: list[dict[str, object]]) -> list[object]:
    return [message["type"] for message in messages]


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


async def test_completing_a_subscription_runs_its_clean_up_and_frees_its_id(api: Running) -> None:
    async with api.socket() as socket:
        for _ in range(3):
            await socket.subscribe("subscription{items}")
            await api.world.streams(1)
            await socket.send(type="complete", id="1")
            await api.world.streams(0)
        assert kinds(await socket.operation("{me{name}}")) == ["next", "complete"]


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
