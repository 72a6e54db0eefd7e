"""The detail of a Studio in one round trip (B81)."""

import pytest

from schema.ids import encode
from schema.limits import Limits
from services.store.db.database import Database
from tests import factories
from tests.factories import World
from tests.read.asking import Asker

DETAIL = """query ($id: ID!) { studio(id: $id) {
  id publicId name description revision isStarred status statusMessage statusSince stopReason
  url expiresAt idleStopsAt createdAt lastStartedAt
  workspace { id slug name viewerRole eventCursor } owner { id userName displayName avatarUrl }
  progress { name state message startedAt endedAt } availableActions { action allowed reason }
  template { name tool toolVersion status iconUrl } computeEnvironment { name kind reachable inUse { sessions cpu memoryMiB } }
  configuration { cpu memoryMiB gpu lifespanHours condaEnvironment environment { key value secret } }
  checkpoints(first: 50) { totalCount pageInfo { hasNextPage endCursor }
    nodes { id name status author { userName } createdAt savedAt size parent { id name studio { id name } } } }
  latestCheckpoint { id } parentCheckpoint { id name studio { name } }
  connectedUsers { user { userName avatarUrl } connectedAt lastActiveAt tabs }
  sessions(first: 50) { totalCount pageInfo { hasNextPage endCursor }
    nodes { number startedBy { userName } template { name } stopReason createdAt runningAt endedAt checkpoint { name status } } }
  events(first: 50) { totalCount pageInfo { hasNextPage endCursor } nodes { cursor at __typename actor { name cause user { userName } } } }
} }"""


@pytest.mark.behaviour("B81")
async def test_all_of_a_studio_comes_at_once_within_the_limits_and_a_fixed_number_of_statements(database: Database, world: World) -> None:
    asker = Asker(database, Limits())
    studio_id = await factories.create_studio(database, world, status="RUNNING", session_number=1)
    counts = []
    for more in (1, 10):
        for number in range(more * 2, more * 3):
            await factories.create_session(database, world, studio_id, number=number)
            await factories.create_checkpoint(database, world, studio_id, number=number)
            await factories.create_connection(database, world, studio_id, session_number=1)
        counts.append(await asker.statements(world.viewer, DETAIL, id=encode("Studio", studio_id)))
    assert counts[0] == counts[1]
    assert counts[0] <= 24
