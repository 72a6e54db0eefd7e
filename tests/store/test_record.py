"""A record selects the columns of a row class, and makes its objects from the rows of either driver."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from services.store.db.database import Database
from services.store.db.query import Query
from services.store.db.record import Record, converted, nullable
from services.store.db.types import utc_time
from services.store.tables import core
from tests import factories

O = core.organization.c  # noqa: E741 - one letter a table


@dataclass(frozen=True)
class Address:
    id: str
    slug: str


@dataclass(frozen=True)
class Organization:
    name: str
    created_at: datetime
    address: Address
    title: str


def _title(name: str, slug: str) -> str:
    return f"{name} ({slug})"


RECORD = Record(
    Organization,
    address=Record(Address, id=O.id, slug=O.slug),
    name=O.name,
    title=converted(_title, O.name, O.slug),
    created_at=converted(utc_time, O.created_at),
)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_each_column_is_selected_once() -> None:
    assert RECORD.columns == (O.name, O.created_at, O.id, O.slug)


def test_fields_are_columns_conversions_of_several_columns_and_nested_records() -> None:
    row = ("Acme", "2026-03-01T12:00:00.000000Z", "o1", "acme")
    assert RECORD.row(row) == Organization("Acme", NOON, Address("o1", "acme"), "Acme (acme)")


def test_a_row_may_have_more_columns_than_the_record() -> None:
    record = Record.of_table(Address, core.organization)
    assert record.row(("o1", "acme", "further", 1)) == Address("o1", "acme")


def test_a_null_is_converted_only_where_the_field_is_not_nullable() -> None:
    assert Record(Address, id=O.id, slug=nullable(str.upper, O.slug)).row(("o1", None)) == Address("o1", None)  # type: ignore[arg-type]
    assert Record(Address, id=O.id, slug=nullable(str.upper, O.slug)).row(("o1", "a")) == Address("o1", "A")
    assert Record(Address, id=O.id, slug=converted(str, O.slug)).row(("o1", None)) == Address("o1", "None")


def test_no_row_is_no_object() -> None:
    assert RECORD.optional(None) is None


def test_rows_are_keyed_by_a_column_of_the_record() -> None:
    record = Record.of_table(Address, core.organization)
    rows = [("o1", "acme"), ("o2", "zoo")]
    assert record.keyed(rows, O.slug) == {"acme": Address("o1", "acme"), "zoo": Address("o2", "zoo")}


def test_rows_are_grouped_by_a_column_that_no_field_holds() -> None:
    record = Record.of_table(Address, core.organization, O.name)
    assert record.columns == (O.name, O.id, O.slug)
    rows = [("Acme", "o2", "b"), ("Zoo", "o3", "c"), ("Acme", "o1", "a")]
    assert record.grouped(rows, O.name) == {"Acme": [Address("o2", "b"), Address("o1", "a")], "Zoo": [Address("o3", "c")]}


def test_a_column_that_is_not_selected_is_no_key() -> None:
    with pytest.raises(ValueError, match="no column of the record of Address"):
        Record.of_table(Address, core.organization).keyed([], O.name)


def test_a_source_of_the_table_is_replaced_by_an_explicit_one() -> None:
    record = Record.of_table(Address, core.organization, slug=converted(str.upper, O.slug))
    assert record.row(("o1", "acme")) == Address("o1", "ACME")


@pytest.mark.parametrize("sources", [{"id": O.id}, {"id": O.id, "slug": O.slug, "name": O.name}])
def test_fields_and_sources_have_to_match(sources: dict[str, object]) -> None:
    with pytest.raises(TypeError, match="Address"):
        Record(Address, **sources)  # type: ignore[arg-type]


async def test_rows_of_both_drivers_become_the_same_objects(database: Database) -> None:
    organization_id = await factories.create_organization(database, "acme", created_at=NOON)
    statement = select(*RECORD.columns).where(O.slug == "acme")
    expected = [Organization("acme", NOON, Address(organization_id, "acme"), "acme (acme)")]
    async with database.read() as reader:
        assert RECORD.rows(await reader.all(Query(statement))) == expected
