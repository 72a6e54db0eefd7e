"""Whatever arrives, readers give a request, a message or a refusal, and nothing else."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.encoding import encode
from schema.request_errors import Code, OperationRejected
from schema.requests import OperationRequest, parse_request
from schema.transport.accept import STREAMED, SUPPORTED, accepted, is_json, streamed
from schema.transport.messages import MAX_REASON_BYTES, Close, CloseFrame, Message, encoded_id, next_, read
from schema.transport.multipart import MULTIPART_SUBSCRIPTION
from schema.transport.request_headers import bearer, origin
from schema.transport.sse import SSE

plain = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text()
json_values = st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10)
names = st.sampled_from(["query", "variables", "operationName", "extensions", "type", "id", "payload", "x"])
kinds = st.sampled_from(["connection_init", "subscribe", "complete", "ping", "pong", "next"]) | json_values
near_requests = st.dictionaries(names, json_values)
near_messages = st.fixed_dictionaries({}, optional={"type": kinds, "id": json_values, "payload": json_values | near_requests})
texts = st.text() | (json_values | near_messages).map(lambda value: orjson.dumps(value).decode())

MEDIA = (
    r"(application/(graphql-response\+)?json|\*/\*|text/(html|event-stream)|multipart/mixed;subscriptionSpec=1\.0)"
    r"(;q=[0-9.]{1,3})?(, ?\*/\*)?"
)


def request_or_refusal(value: object) -> OperationRequest | OperationRejected:
    try:
        return parse_request(value)
    except OperationRejected as refused:
        return refused


def message_or_closing(text: str) -> Message | CloseFrame:
    try:
        return read(text)
    except CloseFrame as closing:
        return closing


@given(json_values | near_requests)
def test_a_request_is_read_or_refused(value: object) -> None:
    outcome = request_or_refusal(value)
    if isinstance(outcome, OperationRejected):
        assert outcome.code is Code.BAD_REQUEST
    else:
        assert isinstance(outcome.query, str)
        assert outcome.variables is None or isinstance(outcome.variables, dict)


@given(texts)
def test_a_message_is_read_or_closes_with_a_reason_that_fits(text: str) -> None:
    outcome = message_or_closing(text)
    if isinstance(outcome, CloseFrame):
        assert outcome.code is Close.BAD_MESSAGE
        assert 0 < len(outcome.reason.encode()) <= MAX_REASON_BYTES
    else:
        assert outcome.type in ("connection_init", "subscribe", "complete", "ping", "pong")


@given(st.text())
def test_any_reason_fits_a_control_frame_and_is_whole_text(reason: str) -> None:
    closing = CloseFrame(Close.BAD_MESSAGE, reason)
    assert len(closing.reason.encode()) <= MAX_REASON_BYTES
    assert reason.startswith(closing.reason)


@given(st.text(), json_values)
def test_a_spliced_message_is_what_was_meant(identifier: str, payload: object) -> None:
    assert orjson.loads(next_(encoded_id(identifier), orjson.dumps(payload))) == {"id": identifier, "type": "next", "payload": payload}


@given(json_values)
def test_a_streamed_payload_is_what_was_meant_and_one_line(payload: object) -> None:
    event, data, *end = SSE.next(encode(payload)).split(b"\n")
    assert (event, orjson.loads(data.removeprefix(b"data: ")), end) == (b"event: next", payload, [b"", b""])
    head, body, delimiter = MULTIPART_SUBSCRIPTION.next(encode(payload)).replace(b"\r\n\r\n", b"\r\n---").split(b"\r\n---")
    assert (head, orjson.loads(body), delimiter) == (b"\r\nContent-Type: application/json", {"payload": payload}, b"")


@given(st.text() | st.from_regex(MEDIA, fullmatch=True))
def test_headers_of_any_text_are_read(text: str) -> None:
    assert accepted(text) in (*SUPPORTED, None)
    assert streamed(text) in (*STREAMED, None)
    assert is_json(text) in (True, False)
    token = bearer(text)
    assert token is None or (token and token == token.strip())
    parsed = origin(text)
    assert parsed is None or parsed[0] in ("http", "https")


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("https://Example.org", ("https", "example.org", 443)),
        ("http://example.org:8080", ("http", "example.org", 8080)),
        ("http://[::1]:3000", ("http", "::1", 3000)),
        ("https://example.org/", None),
        ("https://user@example.org", None),
        ("https://example.org:port", None),
        ("null", None),
        ("", None),
    ],
)
def test_an_origin_is_scheme_host_and_port(text: str, parsed: tuple[str, str, int] | None) -> None:
    assert origin(text) == parsed
