"""Every read on behalf of a viewer carries the one condition that says which rows they see (B92)."""

import functools
import importlib
import pkgutil
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import Table, bindparam, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql import visitors

from services.domain.access import Role
from services.store import reads
from services.store.access import visible_to
from services.store.db.database import Database
from services.store.db.query import Query
from services.store.reads.listing import Listing
from services.store.tables import core
from tests import factories

OWNED = {
    table.name
    for table in (core.studio, core.session, core.checkpoint, core.operation, core.event, core.template, core.compute_environment)
}
"""Rows of these belong to a workspace."""

CONDITION = re.compile(
    r"EXISTS \(SELECT \*\s+FROM membership\s+WHERE membership\.workspace_id = \w+\.\w+ AND membership\.user_id = %\(viewer_id\)s"
)

WITHOUT = {
    "services.store.reads.compute.KINDS": "the kinds of compute environments that are enabled anywhere: words, and no row of anybody",
}
"""Reads that need no such condition, and why."""

SAMPLES: dict[str, tuple[Any, ...]] = {
    "services.store.reads.studio_lists._listing": ("NAME", False, ("statuses", "starred", "connected", "name_contains")),
    "services.store.reads.studio_lists._count": (("owners",),),
    "services.store.reads.studio_lists._count_by_status": (("templates",),),
    "services.store.reads.studio_lists._matching": (("compute_environments",),),
}
"""Arguments for the functions that make reads on demand."""


def _modules() -> Iterator[ModuleType]:
    for found in pkgutil.iter_modules(reads.__path__, f"{reads.__name__}."):
        yield importlib.import_module(found.name)


def _queries(name: str, made: Any) -> Iterator[tuple[str, Query]]:
    if isinstance(made, Query):
        yield name, made
    elif isinstance(made, Listing):
        yield f"{name} count", made.count_query()
        for many in (False, True):
            for after in (False, True):
                yield f"{name} many={many} after={after}", made._query(many, after)
    elif isinstance(made, dict):
        for key, value in made.items():
            yield from _queries(f"{name}[{key}]", value)
    elif isinstance(made, functools._lru_cache_wrapper):
        maker = f"{made.__module__}.{made.__name__}"
        assert maker in SAMPLES, f"give arguments for {maker} in SAMPLES"
        yield from _queries(maker, made(*SAMPLES[maker]))


@functools.cache
def _all_queries() -> dict[str, Query]:
    return {
        name: query
        for module in _modules()
        for attribute, made in vars(module).items()
        for name, query in _queries(f"{module.__name__}.{attribute}", made)
    }


def _owned(query: Query) -> set[str]:
    return {found.name for found in visitors.iterate(query.select) if isinstance(found, Table)} & OWNED


@pytest.mark.behaviour("B92")
@pytest.mark.parametrize("name", sorted(_all_queries()))
def test_a_read_of_what_belongs_to_a_workspace_shows_it_to_members_only(name: str) -> None:
    query = _all_queries()[name]
    if name in WITHOUT or not _owned(query):
        return
    text = str(query.select.compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]
    assert CONDITION.search(text), f"{name} reads {_owned(query)} without visible_to:\n{text}"


def test_the_search_sees_every_kind_of_read_and_a_missing_condition() -> None:
    names = " ".join(_all_queries())
    assert all(word in names for word in ("studios.BY_ID", "studio_lists._listing", "MEMBERS many=True after=True"))
    bare = Query(select(core.studio.c.id).where(core.studio.c.id == bindparam("id")))
    assert _owned(bare) == {"studio"}
    assert not CONDITION.search(str(bare.select.compile(dialect=postgresql.dialect())))  # type: ignore[no-untyped-call]


@pytest.mark.behaviour("B92")
async def test_only_members_see_what_is_in_a_workspace(database: Database) -> None:
    world = await factories.create_world(database)
    await factories.create_studio(database, world, "Analysis")
    elsewhere = await factories.create_workspace(database)
    stranger = await factories.create_member(database, elsewhere, Role.OWNER)
    query = Query(select(core.studio.c.name).where(visible_to(core.studio.c.workspace_id)))
    async with database.read() as reader:
        assert [row[0] for row in await reader.all(query, viewer_id=world.user_id)] == ["Analysis"]
        assert await reader.all(query, viewer_id=stranger) == []
