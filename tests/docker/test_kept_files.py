"""What a checkpoint keeps of files and what it does not: the table of docs/images.md#what-a-checkpoint-does-not-keep, shown."""

import json
import re

import pytest

from services.compute.docker import disk_space
from services.compute.protocol import ComputeFailed, Saved, SaveRequest
from tests.compute.world import GRACE, World
from tests.docker.tiny_image import docker, tool_command

pytestmark = pytest.mark.docker
MAKE = """
import os, socket
os.chdir("/workspace")
os.makedirs("directory/below")
for name in ("times", "old", "attributes", "mode", "linked"):
    open(name, "w").close()
os.utime("times", ns=(1_700_000_000_987_654_321,) * 2)
os.utime("old", (-86400, -86400))
os.setxattr("attributes", "user.origin", b"here")
os.chown("mode", 1000, 1001)
os.chmod("mode", 0o6751)
os.link("linked", "link")
os.symlink("nowhere", "symlink")
os.mkfifo("fifo")
socket.socket(socket.AF_UNIX).bind("socket")
with open("sparse", "wb") as file:
    file.write(b"four")
    file.seek(64 << 20)
    file.write(b"more")
"""
LOOK = """
import errno, json, os, shutil, stat
os.chdir("/workspace")
mode, sparse = os.stat("mode"), os.stat("sparse")

def rename():
    try:
        os.rename("directory", "renamed")
    except OSError as error:
        return errno.errorcode[error.errno]

def move():
    if os.path.isdir("directory"):
        shutil.move("directory", "renamed")
    return sorted(name for name in os.listdir("renamed"))

print(json.dumps({
    "mode and owner": [oct(stat.S_IMODE(mode.st_mode)), mode.st_uid, mode.st_gid],
    "links": [os.stat("linked").st_nlink, os.path.samefile("linked", "link"), os.readlink("symlink")],
    "fifo": stat.S_ISFIFO(os.stat("fifo").st_mode),
    "time": os.stat("times").st_mtime_ns,
    "time before 1970": os.stat("old").st_mtime,
    "attributes": os.listxattr("attributes"),
    "socket": os.path.lexists("socket"),
    "sparse": [sparse.st_size, sparse.st_blocks * 512 < 1 << 20],
    "rename": rename(),
    "move": move(),
}))
"""
IN_THE_SESSION = {
    "mode and owner": ["0o6751", 1000, 1001],
    "links": [2, True, "nowhere"],
    "fifo": True,
    "time": 1_700_000_000_987_654_321,
    "time before 1970": -86400.0,
    "attributes": ["user.origin"],
    "socket": True,
    "sparse": [(64 << 20) + 4, True],
    "rename": None,
    "move": ["below"],
}
NOT_KEPT = {
    "time": 1_700_000_000_000_000_000,
    "time before 1970": 0.0,
    "attributes": [],
    "socket": False,
    "sparse": [(64 << 20) + 4, False],
    "rename": "EXDEV",
}


async def test_what_a_checkpoint_keeps_and_what_it_does_not(world: World) -> None:
    await world.start(world.name(1))
    execute(world, 1, MAKE)
    assert json.loads(execute(world, 1, LOOK)) == IN_THE_SESSION
    execute(world, 1, "import os; os.rename('/workspace/renamed', '/workspace/directory')")
    base = await saved(world)
    await world.start(world.name(2), base=base.reference)
    assert json.loads(execute(world, 2, LOOK)) == IN_THE_SESSION | NOT_KEPT


@pytest.mark.behaviour("B8")
async def test_a_sparse_file_that_would_not_fit_is_named_before_the_disk_is_full(world: World) -> None:
    await world.start(world.name(1))
    execute(world, 1, "import os; os.truncate(os.open('/workspace/huge', os.O_CREAT | os.O_RDWR), 8 << 40)")
    with pytest.raises(ComputeFailed) as failed:
        await saved(world)
    assert re.match(r"The save would write 8,388,608 MiB, and the engine's disk has [0-9,]+ MiB free\. ", failed.value.message)
    assert 'A sparse file counts with its whole length: "/workspace/huge" (8,388,608 MiB). Shorten or remove' in failed.value.message
    assert docker("ps", "--all", "--quiet", "--filter", f"name={world.name(1)}") != ""


async def test_a_save_tells_what_a_sparse_file_costs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_space, "MIN_ANNOUNCED_BYTES", 32 << 20)
    messages: list[str] = []

    async def progress(message: str) -> None:
        messages.append(message)

    await world.start(world.name(1))
    execute(world, 1, MAKE)
    for interim in (True, False):
        reference = await world.compute.new_reference(world.name(1), "c1", interim=interim)
        await world.compute.save(SaveRequest(world.name(1), reference, interim, progress=progress if interim else None))
        await world.compute.stop(world.name(1), GRACE)
    assert messages == ['Writing 64 MiB. A sparse file counts with its whole length: "/workspace/sparse" (64 MiB).']


def execute(world: World, number: int, program: str) -> str:
    return docker("exec", str(world.name(number)), tool_command()[0], "-c", program)


async def saved(world: World) -> Saved:
    await world.compute.stop(world.name(1), GRACE)
    return await world.save(world.name(1), "c1", interim=False)
