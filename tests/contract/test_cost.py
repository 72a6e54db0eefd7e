"""The cost of an operation is an upper bound of the objects that its execution makes, however its sizes are given."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schema.execution import Executor
from schema.limits import Limits
from schema.requests import OperationRequest
from services.domain.access import Viewer
from tests.contract.conftest import Running, Serve
from tests.contract.world import SCHEMA, World

VIEWER = Viewer("u1", "Ada", "t1", frozenset())
UNLIMITED = 10**9
NAMES = ["ada", "grace", "alan"]


@dataclass
class Text:
    """A document that is being written, and the variables that it uses."""

    values: dict[str, Any] = field(default_factory=dict)
    definitions: list[str] = field(default_factory=list)

    def variable(self, kind: str, value: Any = None, default: Any = None) -> str:
        """A new variable. Without a value it is declared with the default."""
        name = f"$v{len(self.definitions)}"
        self.definitions.append(f"{name}: {kind}" + (f" = {json.dumps(default)}" if default is not None else ""))
        if value is not None:
            self.values[name[1:]] = value
        return name

    def query(self, selections: str) -> str:
        return f"query({', '.join(self.definitions)}) {{ {selections} }}" if self.definitions else f"{{ {selections} }}"


@st.composite
def page_sizes(draw: st.DrawFn, text: Text) -> str:
    """A page size in each way in which it can be given, as an argument."""
    size = draw(st.integers(1, 9))
    match draw(st.sampled_from(["nothing", "literal", "variable", "float", "default"])):
        case "literal":
            return f"(first: {size})"
        case "variable":
            return f"(first: {text.variable('Int!', size)})"
        case "float":
            return f"(first: {text.variable('Int!', float(size))})"
        case "default":
            return f"(first: {text.variable('Int!', default=size)})"
    return ""


@st.composite
def name_lists(draw: st.DrawFn, text: Text) -> str:
    names = draw(st.lists(st.sampled_from(NAMES), max_size=9))
    match draw(st.sampled_from(["literal", "variable", "default", "one", "one in a variable"])):
        case "variable":
            return text.variable("[String!]!", names)
        case "default":
            return text.variable("[String!]!", default=names)
        case "one":
            return json.dumps(NAMES[0])
        case "one in a variable":
            return text.variable("[String!]!", NAMES[0])
    return json.dumps(names)


@st.composite
def people(draw: st.DrawFn, text: Text, depth: int) -> str:
    """The selections of a person."""
    below = ""
    if depth:
        for alias in range(draw(st.integers(0, 2))):
            below += f" f{alias}: friends{draw(page_sizes(text))} {{ {draw(people(text, depth - 1))} }}"
    return f"name{below}"


@st.composite
def requests(draw: st.DrawFn) -> OperationRequest:
    text, selections = Text(), ""
    for alias in range(draw(st.integers(1, 3))):
        root = draw(st.sampled_from(["me", "people", "some"]))
        inner = draw(people(text, 2))
        if root == "people":
            selections += f" r{alias}: people{draw(page_sizes(text))} {{ nodes {{ {inner} }} }}"
        elif root == "some":
            selections += f" r{alias}: some(names: {draw(name_lists(text))}) {{ {inner} }}"
        else:
            selections += f" r{alias}: me {{ {inner} }}"
    return OperationRequest(text.query(selections), None, text.values)


def executor(cost: int) -> Executor:
    return Executor(SCHEMA, World().make_context, Limits(cost=cost, fields=UNLIMITED, aliases=UNLIMITED))


def run(request: OperationRequest, cost: int) -> Any:
    return json.loads(asyncio.run(executor(cost).run(request, VIEWER)).body)


def objects(value: Any) -> int:
    """How many objects a result has."""
    if isinstance(value, dict):
        return 1 + sum(map(objects, value.values()))
    return sum(map(objects, value)) if isinstance(value, list) else 0


@given(requests())
@settings(max_examples=200, deadline=None)
def test_an_operation_that_makes_more_objects_than_the_limit_is_refused(request: OperationRequest) -> None:
    """The cost is never less than the objects made, so a limit of one less than those refuses the operation."""
    whole = run(request, UNLIMITED)
    assert "errors" not in whole, whole
    made = objects(whole["data"]) - 1
    refused = run(request, made - 1)
    assert [error["extensions"]["code"] for error in refused["errors"]] == ["LIMIT_EXCEEDED"], (made, request)


@pytest.mark.parametrize("size", [5_000, 5_000.0])
async def test_a_page_size_in_a_variable_counts_as_it_is_coerced(api: Running, size: float) -> None:
    answer = await api.ask("query($n: Int!){people(first:$n){nodes{name friends{name}}}}", variables={"n": size})
    assert answer["errors"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"


async def test_the_default_of_a_variable_counts(api: Running) -> None:
    answer = await api.ask("query($n: Int = 20000){people(first:$n){nodes{name}}}")
    assert answer["errors"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"


@pytest.mark.parametrize("names", ["$names", json.dumps(["x"] * 200)], ids=["in a variable", "in the text"])
async def test_each_item_of_a_list_argument_counts(api: Running, names: str) -> None:
    declared = "($names: [String!]!)" if names == "$names" else ""
    answer = await api.ask(f"query{declared}{{some(names:{names}){{friends(first:100){{name}}}}}}", variables={"names": ["x"] * 200})
    assert "20200 objects" in answer["errors"][0]["message"]


CROWD = "{crowd{friends(first:9){name}}}"
"""Of a person: 990 objects, since the list without a page size is longer than is assumed of such lists."""


async def test_an_execution_that_makes_more_objects_than_the_limit_is_stopped(serve: Serve) -> None:
    enough, too_low = await serve(Limits(cost=991)), await serve(Limits(cost=990))
    assert objects((await enough.ask(f"{{me{CROWD}}}"))["data"]["me"]) == 991
    answer = await too_low.ask(f"{{me{CROWD}}}")
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["LIMIT_EXCEEDED"]
    assert "data" not in answer


async def test_each_event_of_a_subscription_may_have_as_many_objects_as_a_query() -> None:
    world = World()
    stream = Executor(SCHEMA, world.make_context, Limits(cost=991)).stream(OperationRequest(f"subscription{{people{CROWD}}}"), VIEWER)
    first = asyncio.create_task(anext(stream))
    await world.streams(1)
    await world.emit("ada", "grace")
    for payload in (await first, await anext(stream)):
        assert objects(json.loads(payload)["data"]["people"]) == 991
    await stream.aclose()
