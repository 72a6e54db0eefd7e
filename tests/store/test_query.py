"""Prepared reads on the raw drivers give what SQLAlchemy Core gives, on both databases."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import Boolean, Integer, bindparam, insert, select

from services.store.db.database import Database
from services.store.db.query import Query, is_one_of
from services.store.db.types import UtcTime, json_value, utc_time
from services.store.tables import core, metadata
from tests import factories

O = core.organization.c  # noqa: E741 - one letter a table
BY_SLUG = Query(select(O.slug).where(is_one_of(O.slug, "slugs")).order_by(O.slug))
CREATED_UNTIL = Query(select(O.id, O.created_at).where(O.created_at <= bindparam("until")))
FIRST = Query(
    select(O.slug)
    .where(is_one_of(O.slug, "slugs"), O.slug.in_(["a", "b"]), O.version == 1)
    .order_by(O.slug)
    .limit(bindparam("limit", type_=Integer))
)


@pytest.mark.parametrize(("slugs", "expected"), [(["b", "a", "x"], ["a", "b"]), ([], []), (["o'hara"], ["o'hara"]), (["a"] * 5000, ["a"])])
async def test_one_text_serves_any_number_of_values(database: Database, slugs: list[str], expected: list[str]) -> None:
    for slug in ("a", "b", "c", "o'hara"):
        await factories.create_organization(database, slug)
    async with database.read() as reader:
        with database.count_statements() as counted:
            rows = await reader.all(BY_SLUG, slugs=slugs)
    assert [row[0] for row in rows] == expected
    assert len(counted) == 1
    assert "o'hara" not in counted.statements[0]


async def test_constants_of_a_select_and_a_limit_are_parameters_too(database: Database) -> None:
    for slug in ("a", "b", "c"):
        await factories.create_organization(database, slug)
    async with database.read() as reader:
        assert [row[0] for row in await reader.all(FIRST, slugs=["a", "b", "c"], limit=5)] == ["a", "b"]
        assert [row[0] for row in await reader.all(FIRST, slugs=["a", "b", "c"], limit=1)] == ["a"]


async def test_one_is_the_first_row_or_none(database: Database) -> None:
    await factories.create_organization(database, "a")
    async with database.read() as reader:
        assert await reader.one(BY_SLUG, slugs=["x"]) is None
        row = await reader.one(BY_SLUG, slugs=["a"])
    assert row
    assert row[0] == "a"


async def test_an_instant_is_the_same_whatever_zone_it_was_written_in(database: Database) -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    tokyo = noon.astimezone(timezone(timedelta(hours=9)))
    await factories.create_organization(database, created_at=tokyo)
    async with database.read() as reader:
        core_row = (await reader.execute(select(O.created_at))).scalar_one()
        before = await reader.all(CREATED_UNTIL, until=tokyo - timedelta(microseconds=1))
        at = await reader.all(CREATED_UNTIL, until=tokyo)
    assert core_row == utc_time(at[0][1]) == noon
    assert core_row.utcoffset() == timedelta(0)
    assert before == []


async def test_a_time_without_a_zone_is_refused_both_ways(database: Database) -> None:
    naive = datetime(2026, 3, 1, 12)  # noqa: DTZ001 - the point
    async with database.read() as reader:
        with pytest.raises(ValueError, match="a time without a zone"):
            await reader.all(CREATED_UNTIL, until=naive)
    with pytest.raises(Exception, match="a time without a zone"):
        await factories.create_organization(database, created_at=naive)


async def test_instants_sort_as_time(database: Database) -> None:
    moments = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=step) for step in (0, 1, 999_999, 1_000_000, 60_000_000)]
    for moment in reversed(moments):
        await factories.create_organization(database, created_at=moment)
    async with database.read() as reader:
        rows = (await reader.execute(select(O.created_at).order_by(O.created_at))).scalars().all()
    assert rows == moments


@pytest.mark.parametrize("value", [{"a": [1, None, "é"]}, [], 3, True, {"nested": {"deep": [{}]}}])
async def test_structured_values_come_back_as_they_were(database: Database, value: Any) -> None:
    async with database.write() as transaction:
        key = {"user_id": "u", "mutation": "m", "key": "k", "input_hash": "h"}
        await transaction.execute(insert(core.idempotency_key).values(**key, result=value, created_at=factories.BEGAN))
        column = core.idempotency_key.c.result
        assert (await transaction.execute(select(column))).scalar_one() == value
        rows = await transaction.all(Query(select(column)))
    assert json_value(rows[0][0]) == value


async def test_no_structured_value_is_null(database: Database) -> None:
    world = await factories.create_world(database)
    await factories.create_session(database, world, await factories.create_studio(database, world), upstream=None)
    async with database.read() as reader:
        without = select(core.session.c.upstream).where(core.session.c.upstream.is_(None))
        assert (await reader.execute(without)).scalars().all() == [None]
        assert [row[0] for row in await reader.all(Query(without))] == [None]


async def test_raw_reads_equal_core_reads_for_every_table(database: Database) -> None:
    world = await factories.create_world(database)
    studio_id = await factories.create_studio(database, world, status="RUNNING", session_number=1, description="naïve")
    await factories.create_session(database, world, studio_id, running_at=factories.BEGAN, upstream={"unix": "/x"})
    await factories.create_checkpoint(database, world, studio_id, size=2**40)
    await factories.create_operation(database, world, studio_id)
    async with database.read() as reader:
        for table in metadata.sorted_tables:
            plain = [tuple(row) for row in (await reader.execute(select(table))).all()]
            raw = [_converted(table, row) for row in await reader.all(Query(select(table)))]
            assert raw == plain, table.name


def _converted(table: Any, row: Any) -> tuple[Any, ...]:
    return tuple(_value(column.type, value) for column, value in zip(table.c, row, strict=True))


def _value(kind: Any, value: Any) -> Any:
    if isinstance(kind, UtcTime) and value is not None:
        return utc_time(value)
    if isinstance(kind, Boolean):
        return bool(value)
    return json_value(value) if kind.__class__.__name__ == "JSON" else value
