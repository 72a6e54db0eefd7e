"""studioLogs in one process: what a subscriber gets who asks for more than there is."""

import pytest

from schema.ids import encode
from services.domain.ids import new_id
from services.live.stream_items import StreamSettings
from services.store.db.database import Database
from tests import factories
from tests.factories import World
from tests.live.conftest import running
from tests.live.watching import Watcher, watch
from tests.stored_output import store_output

pytestmark = pytest.mark.behaviour("B84")
FROM_1000 = """studioLogs(studioId: $id, afterOffset: 1000) {
  kind: __typename ... on LogChunk { offset text } ... on LogEnded { offset } }"""


async def next_of_output(watcher: Watcher) -> dict[str, object]:
    """The next frame that is no heartbeat."""
    while True:
        frame: dict[str, object] = await watcher.frame()
        if frame["kind"] != "Heartbeat":
            return frame


async def test_an_offset_beyond_the_end_hides_nothing_that_comes(database: Database, world: World) -> None:
    build = new_id()
    studio_id = await factories.create_studio(database, world, status="BUILDING", session_number=1, build_id=build)
    await store_output(database, build, b"before")
    async with (
        running(database, StreamSettings(heartbeat_seconds=0.05)) as live,
        watch(live, world.viewer, FROM_1000, id=encode("Studio", studio_id)) as watcher,
    ):
        assert (await watcher.frame())["kind"] == "Heartbeat"
        await store_output(database, build, b"after", closed=True)
        assert await next_of_output(watcher) == {"kind": "LogChunk", "offset": 6, "text": "after"}
        assert await next_of_output(watcher) == {"kind": "LogEnded", "offset": 11}
