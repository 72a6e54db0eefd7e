"""Documents are prepared once, kept within bounds, and never mixed up."""

import pytest

from schema.documents import Documents
from schema.limits import Limits
from schema.request_errors import OperationRejected
from tests.contract.conftest import Running
from tests.contract.world import SCHEMA


def documents(**bounds: int) -> Documents:
    return Documents(SCHEMA, Limits(), suggestions=False, **bounds)


def test_a_document_is_prepared_once() -> None:
    """Defect 3 of the stock server: its validation cache never hit."""
    kept = documents()
    assert kept.get("{me{name}}") is kept.get("{me{name}}")
    assert kept.get("{me{name}}") is not kept.get("{me{name} }")


def test_the_number_of_documents_is_bounded_and_the_last_used_are_kept() -> None:
    kept = documents(count=2)
    first = kept.get("{me{name}}")
    kept.get("{me{age}}")
    assert kept.get("{me{name}}") is first
    kept.get("{echo}")
    assert len(kept) == 2
    assert kept.get("{me{name}}") is first


def test_the_size_of_documents_is_bounded() -> None:
    kept = documents(size=1000)
    for number in range(20):
        kept.get(f"{{me{{name}}}} #{number}" + " " * 200)
    assert len(kept) == 4


def test_refused_documents_are_not_kept() -> None:
    kept = documents()
    for text in ("{", "{nowhere}"):
        with pytest.raises(OperationRejected):
            kept.get(text)
    assert len(kept) == 0


def test_an_anonymous_operation_is_not_found_under_a_name() -> None:
    with pytest.raises(OperationRejected, match="named"):
        documents().get("{me{name}}").operation("x")


def test_an_empty_name_is_not_the_anonymous_operation() -> None:
    with pytest.raises(OperationRejected):
        documents().get("{me{name}}").operation("")


async def test_the_same_text_is_answered_alike_the_second_time(api: Running) -> None:
    query = "query($t:String!){echo(text:$t)}"
    assert await api.ask(query, variables={"t": "a"}) == {"data": {"echo": "a"}}
    assert await api.ask(query, variables={"t": "b"}) == {"data": {"echo": "b"}}
