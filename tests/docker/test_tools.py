"""Images of one's own: tools from PyPI, npm and Debian that follow the container's contract, as CUSTOM templates."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docker import built
from tests.docker.server import Job, docker_job
from tests.docker.tiny_image import run
from tests.docker.visitor import address, dial, visiting

pytestmark = [pytest.mark.docker, pytest.mark.slow]
LIMIT = 20.0


@dataclass(frozen=True, slots=True)
class Tool:
    """`title` is on its page; its WebSocket at `path` says `answers` once it was told `says`."""

    name: str
    title: str
    path: str
    answers: str
    says: str = ""


TOOLS = [
    Tool("marimo", "<title>notebook</title>", "/ws?session_id=s_tests0", '"op":"kernel-ready"'),
    Tool("node-red", "<title>Node-RED</title>", "/comms", "notification/", '{"subscribe":"notification/#"}'),
    Tool("websocketd", "<title>Lines</title>", "/", "a line", "a line\n"),
]


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
@pytest.mark.behaviour("B3", "B10", "B70")
async def test_a_tool_is_opened_through_the_proxy_and_keeps_its_files(tmp_path: Path, sqlite_url: str, tool: Tool) -> None:
    async with docker_job(tmp_path, sqlite_url, image=await built.tool(tool.name), port=7681) as job:
        await job.start()
        await job.status("RUNNING")
        await _works(job, tool)
        await run("exec", *job.containers(), "sh", "-c", "echo kept >/workspace/kept.txt")
        await job.stop()
        await job.status("STOPPED")
        await job.start()
        await job.status("RUNNING")
        await _works(job, tool)
        assert await run("exec", *job.containers(), "cat", "/workspace/kept.txt") == "kept"


async def _works(job: Job, tool: Tool) -> None:
    async with visiting(await address(job), dial(job)) as visitor:
        status, page = await visitor.get("/")
        assert (status, tool.title in page) == (200, True), page[:500]
        async with visitor.socket(tool.path) as socket:
            if tool.says:
                await socket.send_str(tool.says)
            assert tool.answers in await socket.receive_str(timeout=LIMIT)
