"""Introspection is answered from bytes that are made once; whatever depends on more than the request is not."""

import asyncio
from unittest.mock import patch

import pytest
from graphql import get_introspection_query
from graphql.execution import execute_root_selection_set

from tests.contract.conftest import Running

FULL = get_introspection_query()
WITH_VARIABLE = 'query($deprecated: Boolean!){__type(name: "Person"){fields(includeDeprecated: $deprecated){name}}}'


async def test_twenty_full_introspections_at_once_are_one_execution(api: Running) -> None:
    with patch("schema.execution.execute_root_selection_set", side_effect=execute_root_selection_set) as execute:
        answers = await asyncio.gather(*(api.post({"query": FULL, "operationName": "IntrospectionQuery"}) for _ in range(20)))
    assert execute.call_count == 1
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].json()["data"]["__schema"]["queryType"]["name"] == "Query"


async def test_other_variables_and_operations_are_other_answers(api: Running) -> None:
    for deprecated in (True, False, True):
        assert "errors" not in await api.ask(WITH_VARIABLE, variables={"deprecated": deprecated})
    two = 'query A{__type(name:"Person"){name}} query B{__type(name:"Page"){name}}'
    assert [(await api.ask(two, operationName=name))["data"]["__type"]["name"] for name in "AB"] == ["Person", "Page"]


@pytest.mark.parametrize("query", ['{__typename remember(key:"x")}', '{...F} fragment F on Query{remember(key:"x")}'])
async def test_what_also_reads_data_is_executed_each_time(api: Running, query: str) -> None:
    before = len(api.world.contexts)
    for _ in range(2):
        await api.ask(query)
    assert len(api.world.contexts) == before + 2


async def test_introspection_with_an_error_is_not_kept(api: Running) -> None:
    for _ in range(2):
        assert (await api.ask(WITH_VARIABLE))["errors"][0]["extensions"]["code"] == "INVALID_VARIABLES"
