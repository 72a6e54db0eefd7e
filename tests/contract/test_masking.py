"""No client ever reads the text of an unexpected exception; what is meant for clients arrives whole."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from itertools import count
from typing import Any, NewType

import pytest
import strawberry
from graphql import GraphQLError
from hypothesis import given
from hypothesis import strategies as st
from strawberry.schema.config import StrawberryConfig

from schema.build import core_schema
from schema.execution import Executor
from schema.request_errors import OperationRejected
from schema.requests import OperationRequest
from services.domain.access import Viewer
from services.domain.errors import DomainError, NotFound
from tests.contract.conftest import Running
from tests.contract.world import SECRET

NUMBERS = count()
VIEWER = Viewer("u1", "Ada", "t1", frozenset())
EXCEPTIONS: list[type[BaseException]] = [
    Exception,
    ValueError,
    TypeError,
    KeyError,
    RuntimeError,
    OSError,
    TimeoutError,
    LookupError,
    AssertionError,
    RecursionError,
    UnicodeError,
    ConnectionError,
    GraphQLError,
    NotImplementedError,
    StopIteration,
]


class Raising:
    """Runs operations of the schema below, all of whose code raises `error`."""

    current: BaseException

    def __init__(self, error: BaseException) -> None:
        Raising.current = error

    async def ask(self, query: str, variables: dict[str, Any] | None = None) -> bytes:
        """All that a client would read."""
        answer = b""
        text = f"{query} #{next(NUMBERS)}"  # documents that were refused are remembered, and what scalars raise here is no part of them
        try:
            async for payload in EXECUTOR.stream(OperationRequest(text, None, variables), VIEWER):
                answer += payload
        except OperationRejected as refused:
            answer += str(refused.errors).encode()
        return answer


def fail(_value: object) -> Any:
    raise Raising.current


Odd = NewType("Odd", str)
ODD = strawberry.scalar(name="Odd", serialize=fail, parse_value=fail)


@strawberry.type
class Thing:
    name: str

    @strawberry.field
    def plain(self) -> str | None:
        raise Raising.current


@strawberry.type
class Query:
    @strawberry.field
    def sync(self) -> str | None:
        raise Raising.current

    @strawberry.field
    async def later(self) -> str:
        await asyncio.sleep(0)
        raise Raising.current

    @strawberry.field
    def value(self) -> int | None:
        return Raising.current  # type: ignore[return-value]

    @strawberry.field
    def text(self) -> int | None:
        return str(Raising.current)  # type: ignore[return-value]

    @strawberry.field
    def nothing(self) -> str:
        return None  # type: ignore[return-value]

    @strawberry.field
    def not_a_list(self) -> list[Thing] | None:
        return Raising.current  # type: ignore[return-value]

    @strawberry.field
    def things(self) -> list[Thing]:
        return [Thing(name="a"), Thing(name="b")]

    @strawberry.field
    def takes(self, odd: Odd) -> str | None:
        return "taken"

    @strawberry.field
    def gives(self) -> Odd | None:
        return Odd("given")


@strawberry.type
class Mutation:
    @strawberry.mutation
    def act(self) -> str | None:
        raise Raising.current


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def first(self) -> AsyncIterator[str]:
        raise Raising.current
        yield ""

    @strawberry.subscription
    async def second(self) -> AsyncIterator[str]:
        yield ""
        raise Raising.current


SCHEMA = core_schema(strawberry.Schema(Query, Mutation, Subscription, config=StrawberryConfig(scalar_map={Odd: ODD})))
EXECUTOR = Executor(SCHEMA, lambda _viewer: None)

OPERATIONS = [
    "{sync later value text notAList{name} things{name plain} gives}",
    "{sync}",
    "{nothing}",
    "mutation{act}",
    "subscription{first}",
    "subscription{second}",
]


@given(st.sampled_from([kind for kind in EXCEPTIONS if kind is not StopIteration]), st.integers(min_value=10**9))
def test_the_text_of_an_exception_never_reaches_a_client(kind: type[Exception], number: int) -> None:
    """Defect 5 of the stock server, for every place that can raise."""
    secret = f"kaboom-{number}"

    async def ask_all() -> list[bytes]:
        world = Raising(kind(secret))
        return [await world.ask(query) for query in OPERATIONS]

    logging.disable(logging.CRITICAL)
    try:
        for answer in asyncio.run(ask_all()):
            assert str(number).encode() not in answer
            assert b"INTERNAL" in answer
    finally:
        logging.disable(logging.NOTSET)


@pytest.mark.parametrize("kind", [KeyError, RuntimeError, OSError, AssertionError])
async def test_the_text_of_an_exception_in_a_scalar_s_parser_never_reaches_a_client(kind: type[Exception]) -> None:
    world = Raising(kind("kaboom"))
    for answer in (await world.ask("query($o:Odd!){takes(odd:$o)}", {"o": "x"}), await world.ask('{takes(odd:"x")}')):
        assert b"kaboom" not in answer
        assert b"INTERNAL" in answer


async def test_what_a_scalar_says_about_its_input_by_a_value_error_is_told() -> None:
    world = Raising(ValueError("Write it as 2026-01-31."))
    assert b"Write it as 2026-01-31." in await world.ask("query($o:Odd!){takes(odd:$o)}", {"o": "x"})
    assert b"Write it as 2026-01-31." in await world.ask('{takes(odd:"x")}')


async def test_a_masked_error_names_the_id_under_which_it_is_logged(api: Running, caplog: pytest.LogCaptureFixture) -> None:
    error = (await api.ask("{broken}"))["errors"][0]
    reference = re.search(r"id ([0-9a-f]{32})", error["message"])
    assert reference
    assert error["extensions"] == {"code": "INTERNAL", "id": reference[1]}
    assert (error["path"], error["locations"]) == (["broken"], [{"line": 1, "column": 2}])
    record = next(record for record in caplog.records if reference[1] in record.getMessage())
    assert SECRET in str(record.exc_info)


@pytest.mark.parametrize("query", ["{broken}", "{notAnInt}", "{unwritable}", "{me{broken}}"])
async def test_nothing_of_a_secret_leaks(api: Running, query: str) -> None:
    response = await api.post({"query": query})
    assert "hunter2" not in response.text
    assert "RuntimeError" not in response.text
    assert response.json()["errors"][0]["extensions"]["code"] == "INTERNAL"


async def test_a_domain_error_arrives_with_its_code_and_what_it_points_at(api: Running) -> None:
    assert (await api.ask("{search}"))["errors"][0] == {
        "message": "Unknown key `staus`.",
        "path": ["search"],
        "locations": [{"line": 1, "column": 2}],
        "extensions": {"code": "BAD_SEARCH", "argument": "search"},
    }


async def test_a_domain_error_keeps_its_message_wherever_it_is_raised() -> None:
    world = Raising(NotFound("No such Studio."))
    for query in (
        "{sync}",
        "{later}",
        "mutation{act}",
        "subscription{first}",
        "subscription{second}",
        "{things{plain}}",
        '{takes(odd:"x")}',
    ):
        answer = await world.ask(query)
        assert b"No such Studio." in answer
        assert b"NOT_FOUND" in answer


async def test_validation_and_syntax_errors_are_not_masked(api: Running) -> None:
    error = (await api.ask("{nowhere}"))["errors"][0]
    assert error["message"] == "Cannot query field 'nowhere' on type 'Query'."
    assert error["locations"] == [{"line": 1, "column": 2}]
    assert "Syntax Error" in (await api.ask("{"))["errors"][0]["message"]


async def test_an_error_about_an_argument_is_not_masked(api: Running) -> None:
    error = (await api.ask("query($t:String){echo(text:$t)}", variables={"t": None}))["errors"][0]
    assert "text" in error["message"]
    assert error["extensions"]["code"] != "INTERNAL"


async def test_the_base_of_domain_errors_is_public_too() -> None:
    assert b'"code":"ERROR"' in await Raising(DomainError("Said.")).ask("{sync}")
