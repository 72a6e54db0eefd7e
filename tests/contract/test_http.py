"""GraphQL over HTTP, rule by rule (draft of August 2026)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import orjson
import pytest

from schema.limits import Limits
from tests.contract.conftest import LISTED, Running, Serve
from tests.contract.http_answers import GRAPHQL_JSON, LEGACY, code
from tests.contract.world import TOKEN
from tests.waiting import WAIT_LIMIT_S


async def test_a_query_is_answered_with_200_in_the_type_asked_for(api: Running) -> None:
    response = await api.post({"query": "{me{name}}"})
    assert response.status_code == 200
    assert response.headers["content-type"] == f"{GRAPHQL_JSON}; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    assert response.json() == {"data": {"me": {"name": "Ada"}}}


async def test_variables_and_operation_name_are_used(api: Running) -> None:
    query = "query A($t:String!){echo(text:$t)} query B{me{name}}"
    assert await api.ask(query, operationName="A", variables={"t": "ü"}) == {"data": {"echo": "ü"}}
    assert await api.ask(query, operationName="B") == {"data": {"me": {"name": "Ada"}}}


async def test_unknown_properties_of_a_request_are_ignored(api: Running) -> None:
    assert await api.ask("{me{name}}", variables=None, operationName=None, extensions={}, other=1) == {"data": {"me": {"name": "Ada"}}}


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, GRAPHQL_JSON),
        ("*/*", GRAPHQL_JSON),
        ("application/*", GRAPHQL_JSON),
        (LEGACY, LEGACY),
        (f"{LEGACY}; charset=utf-8", LEGACY),
        (f"{GRAPHQL_JSON}, {LEGACY};q=0.9", GRAPHQL_JSON),
        (f"{LEGACY}, {GRAPHQL_JSON};q=0.9", LEGACY),
        (f"{LEGACY}, text/plain, */*", LEGACY),
        (f"{LEGACY};q=0, */*", GRAPHQL_JSON),
        ("text/html, */*;q=0.1", GRAPHQL_JSON),
    ],
)
async def test_the_type_of_the_answer_is_the_best_accepted(api: Running, accept: str | None, content_type: str) -> None:
    response = await api.post({"query": "{me{name}}"}, accept=accept)
    assert (response.status_code, response.headers["content-type"]) == (200, f"{content_type}; charset=utf-8")


@pytest.mark.parametrize("accept", ["text/html", "application/xml, text/*", f"{GRAPHQL_JSON};q=0", "application/json;q=x"])
async def test_an_accept_header_without_our_types_is_406(api: Running, accept: str) -> None:
    response = await api.post({"query": "{me{name}}"}, accept=accept)
    assert (response.status_code, code(response)) == (406, "BAD_REQUEST")


@pytest.mark.parametrize(
    "kind", [None, "text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "application/graphql"]
)
async def test_a_body_that_is_not_declared_json_is_415(api: Running, kind: str | None) -> None:
    response = await api.post(content=b'{"query":"{me{name}}"}', headers={"content-type": kind})
    assert (response.status_code, code(response)) == (415, "BAD_REQUEST")


async def test_another_charset_than_utf8_is_415(api: Running) -> None:
    response = await api.post(content=b"{}", headers={"content-type": "application/json; charset=latin-1"})
    assert response.status_code == 415


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD"])
async def test_other_methods_are_405_and_say_what_is_allowed(api: Running, method: str) -> None:
    async with httpx.AsyncClient(verify=False, headers={"authorization": f"Bearer {TOKEN}"}) as client:
        response = await client.request(method, api.url, params={"query": "{me{name}}"})
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, POST, OPTIONS"


@pytest.mark.parametrize("body", [b"", b"NONSENSE", b'{"query":', b'{"query":"{me}"', b"\xff\xfe", b'{"query":NaN}', b"[" * 10_000])
async def test_a_body_that_is_not_json_is_400(api: Running, body: bytes) -> None:
    response = await api.post(content=body)
    assert (response.status_code, code(response)) == (400, "BAD_REQUEST")


@pytest.mark.parametrize(
    "body",
    [
        "text",
        7,
        None,
        True,
        [],
        [{"query": "{me{name}}"}],
        {},
        {"query": None},
        {"query": 7},
        {"query": ["{me{name}}"]},
        {"qeury": "{me{name}}"},
        {"query": "{me{name}}", "variables": [7]},
        {"query": "{me{name}}", "variables": "{}"},
        {"query": "{me{name}}", "operationName": 7},
        {"query": "{me{name}}", "extensions": "x"},
    ],
    ids=lambda body: orjson.dumps(body).decode(),
)
async def test_json_that_is_no_request_is_422(api: Running, body: object) -> None:
    """Defect 8 of the stock server: such a body was a 500 with a traceback. Batches are refused here too."""
    response = await api.post(content=orjson.dumps(body))
    assert (response.status_code, code(response)) == (422, "BAD_REQUEST")


@pytest.mark.parametrize(
    ("request_", "status", "why"),
    [
        ({"query": "{"}, 400, "SYNTAX_ERROR"),
        ({"query": ""}, 400, "SYNTAX_ERROR"),
        ({"query": "{nowhere}"}, 422, "VALIDATION_FAILED"),
        ({"query": "{...F}"}, 422, "VALIDATION_FAILED"),
        ({"query": "type A{a:Int}"}, 422, "VALIDATION_FAILED"),
        ({"query": "fragment A on Person{name}"}, 422, "VALIDATION_FAILED"),
        ({"query": "query A{me{name}} query B{me{age}}"}, 422, "UNKNOWN_OPERATION"),
        ({"query": "query A{me{name}}", "operationName": "B"}, 422, "UNKNOWN_OPERATION"),
        ({"query": "query A{me{name}}", "operationName": ""}, 422, "UNKNOWN_OPERATION"),
        ({"query": "query($t:String!){echo(text:$t)}"}, 422, "INVALID_VARIABLES"),
        ({"query": "query($t:String!){echo(text:$t)}", "variables": {"t": None}}, 422, "INVALID_VARIABLES"),
        ({"query": "query($t:String!){echo(text:$t)}", "variables": {"t": 7}}, 422, "INVALID_VARIABLES"),
        ({"query": "query($n:Int){people(first:$n){totalCount}}", "variables": {"n": "x"}}, 422, "INVALID_VARIABLES"),
        ({"query": "query($n:Int){people(first:$n){nodes{name}}}", "variables": {"n": 10**9}}, 422, "LIMIT_EXCEEDED"),
        ({"query": "query($b:By!){one(by:$b)}", "variables": {"b": {"id": "1", "name": "x"}}}, 422, "INVALID_VARIABLES"),
        ({"query": '{one(by:{id:"1",name:"x"})}'}, 422, "VALIDATION_FAILED"),
        ({"query": '{find(filter:{name:"x",age:null})}'}, 422, "VALIDATION_FAILED"),
        ({"query": "subscription{items}"}, 422, "WRONG_TRANSPORT"),
    ],
    ids=lambda value: orjson.dumps(value).decode() if isinstance(value, dict) else str(value),
)
async def test_a_refused_operation_has_its_status_and_no_data(api: Running, request_: dict[str, object], status: int, why: str) -> None:
    """Defects 2, 6 and 7 of the stock server are among the rows."""
    response = await api.post(request_)
    assert (response.status_code, code(response)) == (status, why)


async def test_a_legacy_client_gets_200_for_every_well_formed_request(api: Running) -> None:
    for query in ("{", "{nowhere}", "subscription{items}", "{broken}"):
        response = await api.post({"query": query}, accept=LEGACY)
        assert (response.status_code, response.headers["content-type"]) == (200, f"{LEGACY}; charset=utf-8")
        assert response.json()["errors"]
    assert (await api.post(content=b"NONSENSE", accept=LEGACY)).status_code == 400
    assert (await api.post([], accept=LEGACY)).status_code == 422


async def test_data_with_errors_is_294(api: Running) -> None:
    response = await api.post({"query": "{me{name} forbidden}"})
    assert response.status_code == 294
    answer = response.json()
    assert answer["data"] == {"me": {"name": "Ada"}, "forbidden": None}
    assert answer["errors"][0]["extensions"] == {"code": "FORBIDDEN", "field": ["input", "name"]}


async def test_data_that_is_null_with_errors_is_294_too(api: Running) -> None:
    response = await api.post({"query": "{never}"})
    assert (response.status_code, response.json()["data"]) == (294, None)


@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic abc", "Bearer bad", "Bearer " + "x" * 5000])
async def test_without_a_good_token_the_answer_is_401_whatever_is_asked(api: Running, header: str | None) -> None:
    for query in ("{me{name}}", "{__schema{types{name}}}", "{__typename}", "{"):
        response = await api.post({"query": query}, headers={"authorization": header})
        assert (response.status_code, code(response)) == (401, "UNAUTHENTICATED")
        assert response.headers["www-authenticate"].startswith('Bearer realm="studiograph"')


async def test_a_token_is_found_whatever_the_case_of_the_scheme(api: Running) -> None:
    assert (await api.post({"query": "{me{name}}"}, headers={"authorization": f"bearer  {TOKEN}"})).status_code == 200


async def test_a_failing_authentication_is_masked(api: Running) -> None:
    response = await api.post({"query": "{me{name}}"}, headers={"authorization": "Bearer broken"})
    assert (response.status_code, code(response)) == (500, "INTERNAL")
    assert "hunter2" not in response.text


async def test_introspection_is_answered_with_a_token(api: Running) -> None:
    assert (await api.ask("{__schema{queryType{name}}}"))["data"]["__schema"]["queryType"]["name"] == "Query"


async def test_a_body_beyond_the_limit_is_413(api: Running) -> None:
    response = await api.post({"query": "{me{name}}" + " " * 110_000})
    assert (response.status_code, code(response)) == (413, "LIMIT_EXCEEDED")


@asynccontextmanager
async def posting(api: Running, header: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A POST whose body is still to come."""
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    lines = ["POST /graphql HTTP/1.1", "Host: x", f"Authorization: Bearer {TOKEN}", "Content-Type: application/json", header]
    writer.write("".join(f"{line}\r\n" for line in [*lines, ""]).encode())
    async with asyncio.timeout(WAIT_LIMIT_S):
        yield reader, writer
    writer.close()


async def test_a_large_body_is_refused_by_its_announced_length_before_it_is_sent(api: Running) -> None:
    async with posting(api, "Content-Length: 10000000") as (reader, _):
        assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")


async def test_a_chunked_body_is_cut_off_where_it_passes_the_limit(api: Running) -> None:
    async with posting(api, "Transfer-Encoding: chunked") as (reader, writer):
        for _ in range(30):
            writer.write(b"1000\r\n" + b" " * 4096 + b"\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")


async def test_a_client_that_leaves_while_sending_is_forgotten_in_silence(api: Running, caplog: pytest.LogCaptureFixture) -> None:
    async with posting(api, "Content-Length: 1000") as (_, writer):
        writer.transport.abort()
    assert await api.ask("{me{name}}") == {"data": {"me": {"name": "Ada"}}}
    assert not [record for record in caplog.records if record.exc_info]


async def test_a_body_that_does_not_arrive_is_408(serve: Serve) -> None:
    api = await serve(body_seconds=0.05)
    async with posting(api, "Content-Length: 1000") as (reader, _):
        assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")


async def test_authentication_has_a_time_limit(serve: Serve) -> None:
    api = await serve(auth_seconds=0.05)
    response = await api.post({"query": "{me{name}}"}, headers={"authorization": "Bearer slow"})
    assert (response.status_code, code(response)) == (503, "TIMEOUT")


async def test_a_client_that_leaves_takes_its_query_with_it(api: Running) -> None:
    asking = asyncio.create_task(api.post({"query": "{slow}"}))
    async with asyncio.timeout(WAIT_LIMIT_S):
        await api.world.started.wait()
        asking.cancel()
        await api.world.cancelled.wait()


async def test_a_mutation_goes_on_when_its_client_leaves(api: Running) -> None:
    asking = asyncio.create_task(api.post({"query": 'mutation{slowWrite(text:"kept")}'}))
    async with asyncio.timeout(WAIT_LIMIT_S):
        await api.world.started.wait()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        api.world.go_on.set()
        await api.executor.close()
    assert api.world.written == ["kept"]


async def test_an_operation_that_takes_too_long_is_stopped_and_says_so(serve: Serve) -> None:
    api = await serve(Limits(query_seconds=0.05, mutation_seconds=0.05))
    response = await api.post({"query": "{slow}"})
    assert (response.status_code, code(response)) == (503, "TIMEOUT")
    assert api.world.cancelled.is_set()
    response = await api.post({"query": 'mutation{slowWrite(text:"x")}'})
    assert (response.status_code, code(response)) == (503, "TIMEOUT")
    assert api.world.written == []


async def test_mutations_of_one_request_run_in_their_order(api: Running) -> None:
    await api.ask('mutation{a:write(text:"1") b:write(text:"2") c:write(text:"3")}')
    assert api.world.written == ["1", "2", "3"]


async def test_cors_is_for_listed_origins_only(api: Running) -> None:
    for asked, allowed in (
        (LISTED, LISTED),
        ("https://evil.example", None),
        ("null", None),
        (f"{LISTED}:444", None),
        ("http://app.example.org", None),
    ):
        response = await api.post({"query": "{me{name}}"}, headers={"origin": asked})
        assert response.status_code == 200
        assert response.headers.get("access-control-allow-origin") == allowed
        assert response.headers["vary"] == "Origin"
        assert "access-control-allow-credentials" not in response.headers


async def test_a_preflight_tells_a_listed_origin_what_it_may_send(api: Running) -> None:
    asked = {"origin": LISTED, "access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}
    async with httpx.AsyncClient(verify=False) as client:
        good = await client.options(api.url, headers=asked)
        bad = await client.options(api.url, headers=asked | {"origin": "https://evil.example"})
    assert good.status_code == 204
    assert good.headers["access-control-allow-origin"] == LISTED
    assert "authorization" in good.headers["access-control-allow-headers"]
    assert not any(name.startswith("access-control") for name in bad.headers)


async def test_errors_carry_cors_headers_too(api: Running) -> None:
    response = await api.post({"query": "{"}, headers={"origin": LISTED, "authorization": None})
    assert (response.status_code, response.headers["access-control-allow-origin"]) == (401, LISTED)
