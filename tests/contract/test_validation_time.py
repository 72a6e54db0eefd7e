"""No document of allowed size holds the event loop for long, and none that was refused does so twice."""

import gc
import time
from collections.abc import Iterator
from contextlib import suppress
from unittest.mock import patch

import pytest

from schema.build import build_schema as build_api
from schema.build import core_schema
from schema.documents import Documents
from schema.limits import Limits
from schema.request_errors import OperationRejected
from tests.contract.adversarial_documents import alone, mixed

API = core_schema(build_api())
SECONDS = 0.15
"""The bound is 0.05; a busy machine takes longer. What grows with the square took 0.4 to 5 s."""


@pytest.fixture
def no_collection() -> Iterator[None]:
    """A collection of all objects of the tests belongs to no single document."""
    gc.disable()
    yield
    gc.enable()


def seconds(text: str) -> float:
    """Processor time until the document is ready or refused."""
    documents = Documents(API, Limits(), suggestions=True)
    started = time.process_time()
    with suppress(OperationRejected):
        documents.get(text)
    return time.process_time() - started


@pytest.mark.usefixtures("no_collection")
def test_no_document_takes_long_to_validate() -> None:
    documents = alone() | {f"mixed {seed}": mixed(seed) for seed in range(30)}
    slow = {name for name, text in documents.items() if seconds(text) > SECONDS}
    assert {name for name in slow if min(seconds(documents[name]) for _ in range(3)) > SECONDS} == set()


@pytest.mark.parametrize("text", ["{", "{nowhere}", "{viewer{" + "id " * 900 + "}}"], ids=["syntax", "validation", "limit"])
def test_a_refused_document_is_not_read_again(text: str) -> None:
    documents = Documents(API, Limits(), suggestions=True)
    with pytest.raises(OperationRejected) as first:
        documents.get(text)
    with patch("schema.documents.parse", side_effect=AssertionError), pytest.raises(OperationRejected) as again:
        documents.get(text)
    assert (again.value.code, again.value.errors) == (first.value.code, first.value.errors)
