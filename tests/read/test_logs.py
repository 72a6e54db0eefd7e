"""What sessions and builds printed, in pages."""

from typing import Any

import pytest

from resolvers.loaders import logs as log_loader
from resolvers.log_pages import log_page
from schema.ids import encode
from services.domain.access import Role
from services.domain.ids import new_id
from services.domain.statuses import LogSource
from services.rows.logs import LogOutputRow
from services.store.db.database import Database
from services.store.outputs import MAX_PIECE_BYTES, OutputPage
from services.store.reads import outputs as reads
from tests import factories
from tests.factories import World
from tests.read.asking import Asker
from tests.stored_output import store_output

pytestmark = pytest.mark.behaviour("B84")
FIELDS = "source session startOffset nextOffset endOffset text isComplete"
LOGS = f"""query ($id: ID!, $after: BigInt, $first: Int, $session: Int, $source: LogSource) {{
  studio(id: $id) {{ logs(afterOffset: $after, first: $first, session: $session, source: $source) {{ {FIELDS} }} }}
}}"""


async def studio_with(database: Database, world: World, *pieces: bytes | int, closed: bool = False, **values: Any) -> tuple[str, str]:
    """A Studio whose current session printed this; its global id and the session's row id."""
    studio_id = await factories.create_studio(database, world, **{"status": "RUNNING", "session_number": 1, **values})
    session_id = await factories.create_session(database, world, studio_id)
    await store_output(database, session_id, *pieces, closed=closed)
    return encode("Studio", studio_id), session_id


async def logs(asker: Asker, world: World, studio_id: str, **arguments: Any) -> dict[str, Any]:
    page: dict[str, Any] = (await asker.data(world.viewer, LOGS, id=studio_id, **arguments))["studio"]["logs"]
    return page


async def test_the_newest_bytes_come_unless_an_offset_is_given(database: Database, world: World, asker: Asker) -> None:
    studio_id, _ = await studio_with(database, world, b"one\n", b"two\n")
    whole = {
        "source": "SESSION",
        "session": 1,
        "startOffset": 0,
        "nextOffset": 8,
        "endOffset": 8,
        "text": "one\ntwo\n",
        "isComplete": False,
    }
    assert await logs(asker, world, studio_id) == whole
    assert await logs(asker, world, studio_id, first=4) == {**whole, "startOffset": 4, "text": "two\n"}
    assert await logs(asker, world, studio_id, first=4, after=0) == {**whole, "nextOffset": 4, "text": "one\n"}
    assert await logs(asker, world, studio_id, after=8) == {**whole, "startOffset": 8, "text": ""}


async def test_pages_put_together_are_the_whole_and_never_cut_a_character(database: Database, world: World, asker: Asker) -> None:
    text = "añ€😀\n" * 7000
    data = text.encode()
    studio_id, _ = await studio_with(database, world, data[:70_001], data[70_001:], closed=True)
    for first in (4, 1000, MAX_PIECE_BYTES + 1):
        seen, after, page = "", (0 if first > 4 else 76_000), None
        while page is None or not page["isComplete"]:
            page = await logs(asker, world, studio_id, after=after, first=first)
            assert page["startOffset"] == after < page["nextOffset"]
            seen, after = seen + page["text"], page["nextOffset"]
        assert text.endswith(seen)
        assert "\ufffd" not in seen
    assert (await logs(asker, world, studio_id, first=9))["text"] == "€😀\n"


async def test_what_was_skipped_is_a_jump(database: Database, world: World, asker: Asker) -> None:
    studio_id, _ = await studio_with(database, world, b"early \xe2\x82", 1000, b"late \xff", 50, b"", closed=True)
    early = await logs(asker, world, studio_id, after=0)
    assert (early["text"], early["nextOffset"], early["isComplete"]) == ("early \ufffd", 8, False)
    late = await logs(asker, world, studio_id, after=8)
    assert (late["startOffset"], late["text"], late["isComplete"]) == (1008, "late \ufffd", False)
    end = await logs(asker, world, studio_id, after=late["nextOffset"])
    assert (end["startOffset"], end["text"], end["isComplete"]) == (1064, "", True)


async def test_a_character_that_is_not_whole_yet_is_waited_for_until_the_end(database: Database, world: World, asker: Asker) -> None:
    studio_id, session_id = await studio_with(database, world, b"euro \xe2\x82")
    assert (await logs(asker, world, studio_id))["nextOffset"] == 5
    await store_output(database, session_id, b"\xac\xe2", closed=True)
    assert (await logs(asker, world, studio_id))["text"] == "euro €\ufffd"


async def test_a_former_session_keeps_its_output(database: Database, world: World, asker: Asker) -> None:
    row_id = await factories.create_studio(database, world, status="STOPPED", session_number=2)
    for number, text in ((1, b"first"), (2, b"second")):
        await store_output(database, await factories.create_session(database, world, row_id, number=number), text, closed=True)
    studio_id = encode("Studio", row_id)
    assert [(await logs(asker, world, studio_id, session=number))["text"] for number in (1, 2, None)] == ["first", "second", "second"]
    assert await logs(asker, world, studio_id, session=3) == {
        "source": "SESSION",
        "session": None,
        "startOffset": 0,
        "nextOffset": 0,
        "endOffset": 0,
        "text": "",
        "isComplete": True,
    }
    query = "query ($id: ID!) { studio(id: $id) { sessions { nodes { number logs(first: 5) { text isComplete } } } } }"
    sessions = (await asker.data(world.viewer, query, id=studio_id))["studio"]["sessions"]["nodes"]
    assert [(node["number"], node["logs"]["text"]) for node in sessions] == [(2, "econd"), (1, "first")]


async def test_the_build_counts_while_it_is_built_or_could_not_be(database: Database, world: World, asker: Asker) -> None:
    build = new_id()
    studio_id, _ = await studio_with(database, world, b"of the session", status="BUILD_FAILED", build_id=build)
    await store_output(database, build, b"of the build", closed=True)
    sources: tuple[dict[str, Any], ...] = ({}, {"session": 1}, {"source": "SESSION"}, {"source": "BUILD"})
    texts = [(await logs(asker, world, studio_id, **source))["text"] for source in sources]
    assert texts == ["of the build", "of the session", "of the session", "of the build"]
    assert (await logs(asker, world, studio_id))["session"] is None
    running, _ = await studio_with(database, world, b"runs", build_id=build)
    assert (await logs(asker, world, running))["text"] == "runs"


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [({"first": 3}, "first"), ({"first": 262145}, "first"), ({"after": -1}, "afterOffset"), ({"session": 0}, "session")],
)
async def test_arguments_out_of_range_are_errors_with_a_code(
    database: Database, world: World, asker: Asker, arguments: dict[str, int], argument: str
) -> None:
    studio_id, _ = await studio_with(database, world, b"x")
    reply = await asker.ask(world.viewer, LOGS, id=studio_id, **arguments)
    assert (reply.error["code"], reply.error["argument"]) == ("OUT_OF_RANGE", argument)


@pytest.mark.behaviour("B92")
async def test_a_stranger_sees_nothing_of_it(database: Database, world: World, asker: Asker) -> None:
    build = new_id()
    studio_id, session_id = await studio_with(database, world, b"ours", build_id=build)
    await store_output(database, build, b"built")
    stranger, _ = await factories.create_viewer(database, await factories.create_workspace(database), Role.OWNER)
    assert (await asker.data(stranger, LOGS, id=studio_id))["studio"] is None
    query = "query ($id: ID!) { node(id: $id) { ... on Session { logs { text } } } }"
    assert (await asker.data(stranger, query, id=encode("Session", session_id)))["node"] is None
    async with database.read() as reader:
        assert await reads.pages(reader, stranger.user_id, [session_id, build], 0, 100) == {}
        assert len(await reads.pages(reader, world.user_id, [session_id, build], 0, 100)) == 2


async def test_logs_of_a_list_take_as_many_statements_for_fifty_studios_as_for_two(database: Database, world: World, asker: Asker) -> None:
    lab = '{ workspace(by: { slug: "lab" }) { studios(first: 100) { nodes { %s } } } }'
    counts = []
    for more in (2, 48):
        for _ in range(more):
            await studio_with(database, world, b"x" * 100)
        counts.append(await asker.statements(world.viewer, lab % "logs { text } sessions(first: 2) { nodes { logs { text } } }"))
    assert counts[0] == counts[1]
    base = await asker.statements(world.viewer, lab % "name")
    assert await asker.statements(world.viewer, lab % "logs { text }") == base + 2


async def test_many_pages_at_once_are_shorter(database: Database, world: World, asker: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_loader, "MAX_LEVEL_BYTES", 100)
    for _ in range(5):
        await studio_with(database, world, b"x" * 80)
    data = await asker.data(world.viewer, '{ workspace(by: { slug: "lab" }) { studios { nodes { logs { text endOffset nextOffset } } } } }')
    pages = [node["logs"] for node in data["workspace"]["studios"]["nodes"]]
    assert [len(page["text"]) for page in pages] == [20] * 5
    assert all(page["nextOffset"] == page["endOffset"] == 80 for page in pages)


def test_any_bytes_make_a_page_that_goes_on() -> None:
    printer = LogOutputRow(LogSource.SESSION, 1, "x", ended=False)
    for data in (b"\x80\x80\x80\x80", b"\xff\xff\xff\xff", b"\xf0\x9f\x98\x80", b"abc\xf0", b"\xe2\x82\xac\xe2", b"\xf8\x88\x80\x80"):
        page = log_page(printer, OutputPage(0, data, 100, closed=False), 4, from_end=False)
        assert 0 < page.next_offset <= 4
