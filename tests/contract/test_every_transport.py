"""What holds on every transport: one table of operations, asked over each."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.contract.conftest import Running
from tests.contract.fragment_bomb import fragment_bomb
from tests.contract.transports import TRANSPORTS

Ask = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


@pytest.fixture(params=TRANSPORTS)
def ask(request: pytest.FixtureRequest, api: Running) -> Ask:
    transport = TRANSPORTS[request.param]
    return lambda asked: transport(api, asked)


def codes(answer: dict[str, Any]) -> list[str]:
    return [error["extensions"]["code"] for error in answer.get("errors", [])]


@pytest.mark.parametrize(
    ("request_", "data", "errors"),
    [
        ({"query": "{me{name}}"}, {"me": {"name": "Ada"}}, []),
        ({"query": "{__typename}"}, {"__typename": "Query"}, []),
        ({"query": "query A{me{name}} query B{echo}", "operationName": "B"}, {"echo": ""}, []),
        ({"query": "query($t:String!){echo(text:$t)}", "variables": {"t": "\u2603"}}, {"echo": "\u2603"}, []),
        ({"query": "{me{...F}} fragment F on Person{name @skip(if:true) age}"}, {"me": {"age": 36}}, []),
        ({"query": 'mutation{write(text:"x")}'}, {"write": "x"}, []),
        ({"query": '{one(by:{name:"x"})}'}, {"one": "x"}, []),
        ({"query": '{a:remember(key:"k") b:remember(key:"k")}'}, {"a": 1, "b": 2}, []),
        ({"query": "{me{name} forbidden search}"}, {"me": {"name": "Ada"}, "forbidden": None, "search": None}, ["FORBIDDEN", "BAD_SEARCH"]),
        ({"query": "{broken}"}, {"broken": None}, ["INTERNAL"]),
        ({"query": "{never}"}, None, ["FORBIDDEN"]),
    ],
    ids=lambda value: value["query"] if isinstance(value, dict) and "query" in value else "",
)
async def test_an_operation_has_the_same_answer(ask: Ask, request_: dict[str, Any], data: dict[str, Any] | None, errors: list[str]) -> None:
    answer = await ask(request_)
    assert answer["data"] == data
    assert codes(answer) == errors


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"query": "{"}, "SYNTAX_ERROR"),
        ({"query": "{ec}"}, "VALIDATION_FAILED"),
        ({"query": "{...F}"}, "VALIDATION_FAILED"),
        ({"query": "query A{me{name}} query B{echo}"}, "UNKNOWN_OPERATION"),
        ({"query": "query A{me{name}}", "operationName": "C"}, "UNKNOWN_OPERATION"),
        ({"query": "query($t:String!){echo(text:$t)}"}, "INVALID_VARIABLES"),
        ({"query": "{me" + "{friends" * 13 + "{name}" + "}" * 13 + "}"}, "LIMIT_EXCEEDED"),
        ({"query": "query($n:Int){people(first:$n){nodes{name}}}", "variables": {"n": 10**8}}, "LIMIT_EXCEEDED"),
    ],
    ids=lambda value: value if isinstance(value, str) else value["query"][:30],
)
async def test_a_refusal_has_the_same_code_and_no_data(ask: Ask, request_: dict[str, Any], code: str) -> None:
    answer = await ask(request_)
    assert "data" not in answer
    assert set(codes(answer)) == {code}
    assert "Did you mean" not in str(answer)


async def test_a_fragment_bomb_is_refused_at_once(ask: Ask) -> None:
    """Defect 1 of the stock server: 748 characters took 7.6 s."""
    started = time.process_time()
    assert set(codes(await ask({"query": fragment_bomb(25)}))) == {"LIMIT_EXCEEDED"}
    assert time.process_time() - started < 1
