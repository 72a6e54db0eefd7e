"""graphql-transport-ws: what is no message of the protocol closes the socket, with a code and reason that say why."""

import json
import logging

import pytest

from tests.contract.conftest import Running


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "NONSENSE",
        "{",
        '"text"',
        "7",
        "null",
        "[]",
        "{}",
        '{"type":7}',
        '{"type":null}',
        '{"type":"start","id":"1","payload":{"query":"{me{name}}"}}',
        '{"type":"connection_ack"}',
        '{"type":"next","id":"1","payload":{}}',
        '{"type":"ping","payload":"text"}',
        '{"type":"pong","payload":[]}',
        '{"type":"complete"}',
        '{"type":"complete","id":7}',
        '{"type":"complete","id":""}',
        '{"type":"subscribe"}',
        '{"type":"subscribe","id":"1"}',
        '{"type":"subscribe","id":"1","payload":null}',
        '{"type":"subscribe","id":"1","payload":"{me{name}}"}',
        '{"type":"subscribe","id":"1","payload":[]}',
        '{"type":"subscribe","id":"1","payload":{}}',
        '{"type":"subscribe","id":"1","payload":{"query":7}}',
        '{"type":"subscribe","id":"1","payload":{"query":null}}',
        '{"type":"subscribe","id":"1","payload":{"query":"{me{name}}","variables":[]}}',
        '{"type":"subscribe","id":"1","payload":{"query":"{me{name}}","operationName":7}}',
        '{"type":"subscribe","id":"1","payload":{"query":"{me{name}}","extensions":7}}',
        '{"type":"subscribe","id":7,"payload":{"query":"{me{name}}"}}',
        '{"type":"subscribe","id":"","payload":{"query":"{me{name}}"}}',
        '{"type":"subscribe","id":"' + "x" * 257 + '","payload":{"query":"{me{name}}"}}',
        '{"type":"subscribe","payload":{"query":"{me{name}}"}}',
    ],
)
async def test_a_malformed_message_closes_with_4400_and_no_traceback(api: Running, raw: str, caplog: pytest.LogCaptureFixture) -> None:
    """Defects 9 and 11 of the stock server: tracebacks, 1006, or answers from deep in the parser."""
    async with api.socket() as socket:
        await socket.connection.send(raw)
        code, reason = await socket.closed()
    assert code == 4400
    assert reason
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_bad_payload_of_connection_init_is_4400(api: Running) -> None:
    async with api.socket(token=None) as socket:
        await socket.send(type="connection_init", payload="token")
        assert (await socket.closed())[0] == 4400


async def test_a_binary_message_is_4400(api: Running) -> None:
    async with api.socket() as socket:
        await socket.connection.send(json.dumps({"type": "ping"}).encode())
        assert (await socket.closed())[0] == 4400


@pytest.mark.parametrize("text", ["x" * 70_000, "ü" * 40_000])
async def test_a_message_beyond_64_kib_is_1009(api: Running, text: str) -> None:
    async with api.socket() as socket:
        await socket.subscribe("{me{name}} #" + text)
        assert (await socket.closed())[0] == 1009


async def test_a_message_in_fragments_counts_whole(api: Running) -> None:
    async with api.socket() as socket:
        await socket.connection.send(['{"type":"ping","payload":{"x":"', *(["x" * 1000] * 70), '"}}'])
        assert (await socket.closed())[0] == 1009


@pytest.mark.parametrize("kind", ["x" * 300, "ü" * 300, "\U0001f642" * 100])
async def test_a_reason_is_cut_to_what_a_control_frame_carries(api: Running, kind: str) -> None:
    """Defect 12 of the stock server: 1006 instead of the code."""
    async with api.socket() as socket:
        await socket.send(type=kind)
        code, reason = await socket.closed()
    assert code == 4400
    assert 60 < len((reason or "").encode()) <= 123


async def test_a_long_id_used_twice_closes_with_a_reason_that_fits(api: Running) -> None:
    async with api.socket() as socket:
        for _ in range(2):
            await socket.subscribe("subscription{items}", "ü" * 256)
        code, reason = await socket.closed()
    assert code == 4409
    assert len((reason or "").encode()) <= 123


async def test_an_unknown_id_may_be_completed(api: Running) -> None:
    async with api.socket() as socket:
        await socket.send(type="complete", id="never seen")
        assert len(await socket.operation("{me{name}}")) == 2


async def test_a_ping_is_answered_with_its_payload_and_a_pong_with_nothing(api: Running) -> None:
    async with api.socket() as socket:
        await socket.send(type="pong", payload={"x": 1})
        await socket.send(type="ping", payload={"x": 2})
        assert await socket.receive() == {"type": "pong", "payload": {"x": 2}}
        await socket.send(type="ping", payload=None)
        assert await socket.receive() == {"type": "pong"}


async def test_unknown_properties_of_a_message_are_ignored(api: Running) -> None:
    async with api.socket() as socket:
        await socket.send(type="subscribe", id="1", payload={"query": "{me{name}}", "extra": 1}, extra=2)
        assert (await socket.receive())["type"] == "next"
