"""Streams changes of sessions from the engine's events, over a connection of its own.

The engine's event stream has pitfalls, met here. It never reconnects (aiodocker), so each `watch` has an `Engine` of its own, which it
closes, and ends with ComputeUnknown. Its filters are its own. Its times are not used: an event only says where to look. `exec_*` actions,
which carry whole command lines, are not asked for. And since an engine that hangs is as silent as an idle one, it is asked for a sign of
life.
"""

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, cast

import aiohttp

from services.compute.docker import naming
from services.compute.docker.engine import Engine
from services.compute.docker.json_stream import JsonStream
from services.compute.protocol import Change, ComputeUnknown

ACTIONS = ("create", "start", "die", "kill", "stop", "rename", "destroy")
"""Without `pause` and `unpause`: saves pause a session, and a change makes the controller give up the save that runs. Without `oom`: if it
ends the session, there is `die`; and a session whose children are killed again and again would never be saved."""
PING_SECONDS = 10.0
"""The interval of pings. One without an answer within the same time means that the engine hangs."""


async def watch(engine: Engine, installation: str, environment_id: str) -> AsyncIterator[Change]:
    """Streams the changes, first one without a name once it is attached: a list that is read then misses nothing. Raises ComputeUnknown."""
    try:
        filters = {"type": ["container"], "event": list(ACTIONS), "label": naming.label_filter(installation, environment_id)}
        async with engine.stream("GET", "events", {"filters": json.dumps(filters)}) as response:
            yield Change(None, "watching")
            async with aclosing(cast("Any", _events(engine, response))) as events:
                async for event in events:
                    yield Change(naming.read(event["Actor"]["Attributes"]), event["Action"])
    finally:
        await engine.close()


async def _events(engine: Engine, response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    stream = JsonStream(engine, "events", response)
    while (event := await stream.next_with_pings(PING_SECONDS)) is not None:
        yield event
    raise ComputeUnknown("the Docker Engine's event stream ended")
