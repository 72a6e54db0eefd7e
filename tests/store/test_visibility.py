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

from services import store
from services.domain.access import Role
from services.store.access import visible_studios, visible_to
from services.store.db.database import Database
from services.store.db.query import Query
from services.store.reads.listing import Listing
from services.store.tables import core
from tests import factories

TABLES_OF_A_WORKSPACE = {
    table.name
    for table in (
        core.studio,
        core.session,
        core.session_stats,
        core.output,
        core.output_piece,
        core.connection,
        core.checkpoint,
        core.studio_label,
        core.operation,
        core.event,
        core.template,
        core.compute_environment,
        core.membership,
    )
}
"""Every row of these tables belongs to one workspace, by a column or through its Studio."""

CONDITION = re.compile(
    r"EXISTS \(SELECT \*\s+FROM membership\s+WHERE membership\.workspace_id = \w+\.\w+ AND membership\.user_id = %\(viewer_id\)s"
)

WITHOUT_CONDITION = {
    "services.store.reads.compute.KINDS": "the kinds of the enabled compute environments of the server: words, and no row of anybody",
    "services.store.access.OF_WORKSPACE": "reads the viewer's membership itself, for `decide`",
    "services.store.access.OF_STUDIO": "reads the viewer's membership itself, for `decide`",
    "services.store.access_facts._FACTS": "reads the membership itself, for `decide` on the data plane",
    "services.store.access_facts._SESSION_ENDS": "shown on the data plane only to a user whom `decide` allows to connect",
    "services.store.connect_codes._TARGET": "read after `decide` allowed the viewer to connect",
    "services.store.connections._PEOPLE": "shared by all users of one session, each of whom `decide` allowed to connect",
    "services.store.rights._ROLES": "reads the memberships themselves, for `decide` on open streams",
    "services.store.stats._RUNNING": "read by the controller, which measures the sessions of everybody",
    "services.store.stats._IS_OLD": "read by the controller, which removes old measurements of everybody",
    "services.store.stats._NEWEST": "shared by all viewers of a Studio's measurements, whose right the stream checks for each frame",
    "services.store.studios.WORKSPACE": "tells a command which stream to lock, before `decide` in the same command",
    **{
        f"services.store.log._PAGES[({by_kind}, {by_studio})]": "shared by all viewers of a stream, which checks their right"
        for by_kind in (False, True)
        for by_studio in (False, True)
    },
}
"""Statements that need no condition, and why: mostly because the right is checked before or after them, by `decide`."""

SAMPLES: dict[str, tuple[Any, ...]] = {
    "services.store.reads.studio_lists._listing": ("NAME", False, ("statuses", "starred", "connected", "name_contains")),
    "services.store.reads.studio_lists._count_by_status": (("templates",),),
    "services.store.reads.studio_lists._matching": (("compute_environments",),),
}
"""Arguments for the functions that make reads on demand."""
CACHED_FUNCTION = type(functools.cache(len))


def _modules() -> Iterator[ModuleType]:
    for module in pkgutil.walk_packages(store.__path__, f"{store.__name__}."):
        if not module.name.startswith(f"{store.__name__}.migrations"):
            yield importlib.import_module(module.name)


def _queries(name: str, value: Any) -> Iterator[tuple[str, Query]]:
    if isinstance(value, Query):
        yield name, value
    elif isinstance(value, Listing):
        yield f"{name} count", value.count_query()
        for many in (False, True):
            for after in (False, True):
                yield f"{name} many={many} after={after}", value.page_query(many, after)
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield from _queries(f"{name}[{key}]", entry)
    elif isinstance(value, CACHED_FUNCTION):
        maker = f"{value.__module__}.{value.__name__}"
        assert maker in SAMPLES, f"give arguments for {maker} in SAMPLES"
        yield from _queries(maker, value(*SAMPLES[maker]))


@functools.cache
def _all_queries() -> dict[str, Query]:
    return {
        name: query
        for module in _modules()
        for attribute, value in vars(module).items()
        for name, query in _queries(f"{module.__name__}.{attribute}", value)
    }


def _tables_of_a_workspace(query: Query) -> set[str]:
    return {element.name for element in visitors.iterate(query.select) if isinstance(element, Table)} & TABLES_OF_A_WORKSPACE


def _has_condition(query: Query) -> bool:
    return CONDITION.search(str(query.select.compile(dialect=postgresql.dialect()))) is not None  # type: ignore[no-untyped-call]


@pytest.mark.behaviour("B92")
@pytest.mark.parametrize("name", sorted(_all_queries()))
def test_a_read_of_what_belongs_to_a_workspace_shows_it_to_members_only(name: str) -> None:
    query = _all_queries()[name]
    tables = _tables_of_a_workspace(query)
    if tables and name not in WITHOUT_CONDITION:
        assert _has_condition(query), f"{name} reads {tables} without visible_to"


@pytest.mark.parametrize("name", WITHOUT_CONDITION)
def test_an_exception_is_still_a_statement_that_would_need_the_condition(name: str) -> None:
    query = _all_queries()[name]
    assert _tables_of_a_workspace(query)
    assert not _has_condition(query)


def test_the_search_finds_every_kind_of_read_and_a_missing_condition() -> None:
    names = " ".join(_all_queries())
    for part in ("studios.BY_ID", "studio_lists._listing", "MEMBERS many=True after=True", "access_facts._FACTS", "connections._PEOPLE"):
        assert part in names
    bare = Query(select(core.studio.c.id).where(core.studio.c.id == bindparam("id")))
    assert _tables_of_a_workspace(bare) == {"studio"}
    assert not _has_condition(bare)


@pytest.mark.behaviour("B92")
async def test_only_members_see_what_is_in_a_workspace(database: Database) -> None:
    world = await factories.create_world(database)
    await factories.create_studio(database, world, "Analysis")
    elsewhere = await factories.create_workspace(database)
    stranger = await factories.create_member(database, elsewhere, Role.OWNER)
    studio = core.studio.c
    for statement in (visible_studios(studio.name), select(studio.name).where(visible_to(studio.workspace_id))):
        query = Query(statement)
        async with database.read() as reader:
            assert [row[0] for row in await reader.all(query, viewer_id=world.user_id)] == ["Analysis"]
            assert await reader.all(query, viewer_id=stranger) == []
