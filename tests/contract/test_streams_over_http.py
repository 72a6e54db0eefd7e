"""What a request must be for a stream to answer it, and what answers it otherwise: the same as any other POST."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from schema.transport.multipart import DELIMITER
from schema.transport.sse import SSE
from tests.contract.conftest import LISTED, Running, Serve
from tests.contract.posting import posted
from tests.contract.watching import EVENTS, MULTIPART
from tests.contract.world import TOKEN

JSON = "application/graphql-response+json"
APOLLO = f"multipart/mixed;boundary=graphql;subscriptionSpec=1.0,{JSON},application/json;q=0.9"
URQL = f"{JSON}, application/graphql+json, application/json, text/event-stream, multipart/mixed"
QUERY, SUBSCRIPTION, BROKEN = "{me{name}}", "subscription{count(to:1)}", "subscription{nowhere}"


@pytest.mark.parametrize(
    ("accept", "query", "content_type"),
    [
        (EVENTS, SUBSCRIPTION, EVENTS),
        (EVENTS, QUERY, EVENTS),
        (EVENTS, BROKEN, EVENTS),
        (f"{EVENTS}; charset=utf-8", SUBSCRIPTION, EVENTS),
        (MULTIPART, SUBSCRIPTION, "multipart/mixed"),
        (MULTIPART, QUERY, "multipart/mixed"),
        ('Multipart/Mixed; SubscriptionSpec="1.0"', SUBSCRIPTION, "multipart/mixed"),
        (APOLLO, SUBSCRIPTION, "multipart/mixed"),
        (APOLLO, QUERY, JSON),
        (APOLLO, BROKEN, JSON),
        (URQL, SUBSCRIPTION, EVENTS),
        (URQL, QUERY, JSON),
        (f"{EVENTS};q=0.5, {MULTIPART}", SUBSCRIPTION, "multipart/mixed"),
        (f"{EVENTS}, {MULTIPART}", SUBSCRIPTION, EVENTS),
        (f"{EVENTS}, */*;q=0.1", QUERY, JSON),
    ],
)
async def test_a_stream_answers_a_subscription_and_who_accepts_nothing_else(
    api: Running, accept: str, query: str, content_type: str
) -> None:
    response = await api.post({"query": query}, accept=accept)
    assert response.headers["content-type"].partition(";")[0] == content_type


@pytest.mark.parametrize("accept", [None, "*/*", "text/*, */*", JSON, "application/json", f"{EVENTS};q=0, */*", f"multipart/mixed, {JSON}"])
async def test_a_subscription_by_a_plain_post_is_refused(api: Running, accept: str | None) -> None:
    response = await api.post({"query": SUBSCRIPTION}, accept=accept)
    error = response.json()["errors"][0]
    assert error["extensions"]["code"] == "WRONG_TRANSPORT"
    assert EVENTS in error["message"]


@pytest.mark.parametrize(
    "accept", ["multipart/mixed", "multipart/mixed;subscriptionSpec=2.0", "multipart/mixed;deferSpec=20220824", "text/*"]
)
async def test_no_other_kind_of_stream_is_offered(api: Running, accept: str) -> None:
    response = await api.post({"query": SUBSCRIPTION}, accept=accept)
    assert response.status_code == 406
    assert EVENTS in response.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        ({"headers": {"authorization": None}}, 401, "UNAUTHENTICATED"),
        ({"headers": {"authorization": "Bearer bad"}}, 401, "UNAUTHENTICATED"),
        ({"headers": {"authorization": "Bearer broken"}}, 500, "INTERNAL"),
        ({"headers": {"content-type": "text/plain"}}, 415, "BAD_REQUEST"),
        ({"content": b"NONSENSE"}, 400, "BAD_REQUEST"),
        ({"content": b"[]"}, 422, "BAD_REQUEST"),
        ({"content": b'{"query":7}'}, 422, "BAD_REQUEST"),
        ({"content": b" " * 110_000}, 413, "LIMIT_EXCEEDED"),
    ],
    ids=str,
)
@pytest.mark.parametrize("accept", [JSON, EVENTS, MULTIPART])
async def test_a_bad_request_has_its_status_before_any_stream(
    api: Running, accept: str, options: dict[str, Any], status: int, code: str
) -> None:
    response = await api.post({"query": SUBSCRIPTION}, accept=accept, **options)
    assert (response.status_code, response.headers["content-type"]) == (status, f"{JSON}; charset=utf-8")
    assert response.json()["errors"][0]["extensions"]["code"] == code
    assert "hunter2" not in response.text
    assert ("www-authenticate" in response.headers) == (status == 401)


@pytest.mark.parametrize("accept", [EVENTS, MULTIPART])
async def test_a_slow_authentication_is_503(serve: Serve, accept: str) -> None:
    api = await serve(auth_seconds=0.05)
    response = await api.post({"query": SUBSCRIPTION}, accept=accept, headers={"authorization": "Bearer slow"})
    assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (503, "TIMEOUT")


@pytest.mark.parametrize(("origin", "allowed"), [(LISTED, LISTED), ("https://evil.example", None), ("null", None)])
@pytest.mark.parametrize("accept", [EVENTS, MULTIPART])
async def test_pages_of_listed_origins_may_read_a_stream(api: Running, accept: str, origin: str, allowed: str | None) -> None:
    response = await api.post({"query": SUBSCRIPTION}, accept=accept, headers={"origin": origin})
    assert response.status_code == 200
    assert response.headers.get("access-control-allow-origin") == allowed
    assert response.headers["vary"] == "Origin"


@pytest.mark.parametrize(
    ("accept", "whole"),
    [
        (EVENTS, b':\n\nevent: next\ndata: {"data":{"count":0}}\n\nevent: complete\ndata:\n\n'),
        (
            MULTIPART,
            b"\r\n---\r\nContent-Type: application/json\r\n\r\n{}"
            b'\r\n---\r\nContent-Type: application/json\r\n\r\n{"payload":{"data":{"count":0}}}\r\n-----\r\n',
        ),
    ],
)
async def test_the_bytes_of_a_whole_stream(api: Running, accept: str, whole: bytes) -> None:
    async with posted(api.port, {"query": SUBSCRIPTION}, {"Authorization": f"Bearer {TOKEN}", "Accept": accept}) as response:
        chunks = [await response.chunk()]
        while chunks[-1] is not None:
            chunks.append(await response.chunk())
    assert b"".join(chunk for chunk in chunks if chunk) == whole


@pytest.mark.parametrize(("encode", "separator"), [(SSE.next, b"\n\n"), (lambda payload: b'{"payload":%b}' % payload, DELIMITER)])
@pytest.mark.parametrize("text", ["\n\n", "\r\n---", "\r\n-----\r\n", "data: x\n\nevent: complete\ndata:\n\n", "\u2028", "\x00\x1b"])
def test_no_text_breaks_a_payload_in_two(encode: Callable[[bytes], bytes], separator: bytes, text: str) -> None:
    assert separator not in encode(orjson.dumps({"data": {text: text}})).removesuffix(b"\n\n")
