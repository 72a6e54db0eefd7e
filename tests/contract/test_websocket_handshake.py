"""graphql-transport-ws: who gets a socket, and what happens until it is acknowledged."""

import asyncio
import json

import pytest
from websockets.exceptions import InvalidStatus

from schema.transport.stream_slots import SocketLimits
from tests.contract.conftest import LISTED, Running, Serve
from tests.contract.world import TOKEN
from tests.contract.ws import dial
from tests.waiting import WAIT_LIMIT_S


async def test_the_subprotocol_is_agreed_and_the_connection_acknowledged(api: Running) -> None:
    async with dial(api.ws_url) as socket:
        assert socket.connection.subprotocol == "graphql-transport-ws"
        await socket.init(TOKEN)


@pytest.mark.parametrize("offered", [(), ("graphql-ws",), ("graphql-ws", "json")])
async def test_any_other_subprotocol_is_closed_with_4406(api: Running, offered: tuple[str, ...]) -> None:
    async with dial(api.ws_url, subprotocols=offered) as socket:
        code, reason = await socket.closed()
        assert code == 4406
        assert "graphql-transport-ws" in (reason or "")


async def test_our_subprotocol_is_chosen_among_several(api: Running) -> None:
    async with dial(api.ws_url, subprotocols=("graphql-ws", "graphql-transport-ws")) as socket:
        await socket.init(TOKEN)


@pytest.mark.parametrize("allowed", [LISTED, LISTED.upper(), f"{LISTED}:443", "own", None])
async def test_pages_of_our_own_or_a_listed_origin_may_connect_and_so_may_programs(api: Running, allowed: str | None) -> None:
    origin = f"http://127.0.0.1:{api.port}" if allowed == "own" else allowed
    async with dial(api.ws_url, origin=origin) as socket:
        await socket.init(TOKEN)


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://app.example.org",
        f"{LISTED}:444",
        f"{LISTED}.evil.example",
        "https://evil.example/https://app.example.org",
        "http://127.0.0.1",
        "http://[::1]:80",
        "file://",
        "",
    ],
)
async def test_pages_of_other_origins_get_403(api: Running, origin: str) -> None:
    with pytest.raises(InvalidStatus) as caught:
        async with dial(api.ws_url, additional_headers={"Origin": origin}):
            pass
    assert caught.value.response.status_code == 403


async def test_our_own_host_over_another_scheme_is_another_origin(api: Running) -> None:
    with pytest.raises(InvalidStatus):
        async with dial(api.ws_url, origin=f"https://127.0.0.1:{api.port}"):
            pass


@pytest.mark.parametrize("key", ["Authorization", "authorization"])
async def test_the_token_comes_in_the_payload(api: Running, key: str) -> None:
    async with dial(api.ws_url) as socket:
        await socket.init(TOKEN, key)
        assert (await socket.operation("{me{name}}"))[0]["payload"] == {"data": {"me": {"name": "Ada"}}}


@pytest.mark.parametrize("payload", [{}, {"payload": None}, {"payload": {}}, {"payload": {"Authorization": None}}])
async def test_the_token_comes_in_the_upgrade_and_the_payload_may_be_null_or_absent(api: Running, payload: dict[str, object]) -> None:
    """Defect 10 of the stock server: null was refused."""
    async with dial(api.ws_url, additional_headers={"Authorization": f"Bearer {TOKEN}"}) as socket:
        await socket.send(type="connection_init", **payload)
        assert await socket.receive() == {"type": "connection_ack"}


@pytest.mark.parametrize(
    "payload", [None, {}, {"Authorization": "Bearer bad"}, {"Authorization": "Basic x"}, {"Authorization": 7}, {"token": TOKEN}]
)
async def test_without_a_good_token_the_close_is_4403(api: Running, payload: object) -> None:
    async with dial(api.ws_url) as socket:
        await socket.send(type="connection_init", payload=payload)
        assert (await socket.closed())[0] == 4403


async def test_a_failing_authentication_closes_with_a_code_that_clients_retry(api: Running) -> None:
    """Defect 13 of the stock server: such exceptions were 4400 or 1006."""
    async with dial(api.ws_url) as socket:
        await socket.send(type="connection_init", payload={"Authorization": "Bearer broken"})
        code, reason = await socket.closed()
    assert code == 1013
    assert (reason or "").startswith("Internal error, id ")


async def test_slow_authentication_does_not_hold_up_pings(api: Running) -> None:
    """Defect 14 of the stock server: it blocked the receiving loop, without limit."""
    async with dial(api.ws_url) as socket:
        await socket.send(type="connection_init", payload={"Authorization": "Bearer slow"})
        await api.world.authenticating.wait()
        await socket.send(type="ping")
        assert await socket.receive() == {"type": "pong"}
        api.world.may_authenticate.set()
        assert await socket.receive() == {"type": "connection_ack"}


async def test_authentication_has_a_time_limit(serve: Serve) -> None:
    api = await serve(socket_limits=SocketLimits(auth_seconds=0.05))
    async with dial(api.ws_url) as socket:
        await socket.send(type="connection_init", payload={"Authorization": "Bearer slow"})
        assert (await socket.closed())[0] == 4408


async def test_a_client_that_leaves_during_authentication_leaves_nothing(api: Running) -> None:
    async with dial(api.ws_url) as socket:
        await socket.send(type="connection_init", payload={"Authorization": "Bearer slow"})
        await api.world.authenticating.wait()
        socket.connection.transport.abort()
    await api.sockets.close()


async def test_without_connection_init_the_close_is_4408(serve: Serve) -> None:
    api = await serve(socket_limits=SocketLimits(init_seconds=0.05))
    async with dial(api.ws_url) as socket:
        assert await socket.closed() == (4408, "Connection initialisation timeout.")


async def test_a_second_connection_init_is_4429(api: Running) -> None:
    async with api.socket() as socket:
        await socket.send(type="connection_init")
        assert await socket.closed() == (4429, "Too many initialisation requests.")


async def test_a_second_connection_init_is_4429_even_before_the_first_is_acknowledged(api: Running) -> None:
    async with dial(api.ws_url) as socket:
        await socket.send(type="connection_init", payload={"Authorization": "Bearer slow"})
        await socket.send(type="connection_init", payload={"Authorization": "Bearer slow"})
        assert (await socket.closed())[0] == 4429


async def test_subscribing_before_the_acknowledgement_is_4401(api: Running) -> None:
    async with dial(api.ws_url) as socket:
        await socket.subscribe("{me{name}}")
        assert (await socket.closed())[0] == 4401
    async with dial(api.ws_url) as socket:
        await socket.send(type="connection_init", payload={"Authorization": "Bearer slow"})
        await socket.subscribe("{me{name}}")
        assert (await socket.closed())[0] == 4401


async def test_a_ping_before_the_acknowledgement_is_answered(api: Running) -> None:
    async with dial(api.ws_url) as socket:
        await socket.send(type="ping", payload={"at": 1})
        assert await socket.receive() == {"type": "pong", "payload": {"at": 1}}


async def test_the_server_s_own_shutdown_does_the_same(api: Running) -> None:
    async with api.socket() as socket:
        await socket.subscribe("subscription{items}")
        await api.world.streams(1)
        stopping = asyncio.create_task(api.server.shutdown())
        assert (await socket.closed())[0] == 1012
    await stopping
    await api.world.streams(0)


async def test_what_the_server_says_is_one_json_object_a_text_frame(api: Running) -> None:
    async with api.socket() as socket:
        await socket.subscribe('{echo(text:"\\u00fc \\"quoted\\"")}', 'i"d\\ü')
        async with asyncio.timeout(WAIT_LIMIT_S):
            raw = await socket.connection.recv()
    assert isinstance(raw, str)
    assert json.loads(raw) == {"id": 'i"d\\ü', "type": "next", "payload": {"data": {"echo": 'ü "quoted"'}}}
