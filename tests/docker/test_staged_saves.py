"""Saves of running sessions with a short pause: they make the images that commits make, and leave nothing behind."""

import asyncio
import hashlib
import io
import os
import subprocess
import tarfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from services.compute.docker import DockerCompute, local_layer, staged_saves
from services.compute.docker.engine import Engine
from services.compute.protocol import ComputeUnknown, Presence, Saved
from services.compute.staging.client import Staging
from services.compute.staging.directories import StagingDirectories
from services.domain.session_name import SessionName
from tests.compute import changing_tree
from tests.compute.world import GRACE, World, get, put
from tests.docker.engine import ENVIRONMENT, URL, docker_world, paused
from tests.docker.tiny_image import docker, run, tool_command
from tests.waiting import eventually

pytestmark = pytest.mark.docker
MIB = 1 << 20
CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")
"""The attribute of a program that may bind low ports."""
NEUTRAL_FIELDS = ("Hostname", "Image")
"""Fields of a configuration that a commit takes from the container, and that no session reads: each gets its own."""

ENGINE_DIRECTORIES = ("dev", "proc", "sys")
ENGINE_FILES = (".dockerenv", "etc", "etc/hostname", "etc/hosts", "etc/mtab", "etc/resolv.conf")
"""What an engine puts into every container that it creates, with the time of that."""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with docker_world(staging_root=tmp_path / "staging") as made:
        yield made


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """The directory of copies on a disk of 4 MiB."""
    root = tmp_path / "staging"
    root.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(root)], check=True)
    yield root
    subprocess.run(["umount", str(root)], check=True)


CHANGING_TREE = Path(changing_tree.__file__).read_text()


async def change(name: SessionName, seed: int, count: int) -> None:
    """Changes the files of a session at random."""
    tree = "tree = Path('/workspace/tree'); tree.mkdir(exist_ok=True)"
    script = f"{CHANGING_TREE}\n{tree}; ChangingTree(tree, {seed}).change({count})\n"
    await asyncio.to_thread(docker, "exec", "-i", str(name), tool_command()[0], "-I", "-X", "utf8", "-", data=script.encode())


async def commits(name: SessionName, since: float) -> list[str]:
    words = ("--since", f"{since:.6f}", "--until", f"{time.time() + 1:.6f}", "--format", "{{.Action}}")
    lines = await run("events", "--filter", f"container={name}", *words)
    return [line for line in lines.split() if line in ("commit", "pause", "unpause")]


def exported(image: str) -> dict[str, Any]:
    """Everything that a container of the image shows: each path with its kind, mode, owner, time, link, device, attributes and content."""
    container = docker("create", image)
    try:
        done = subprocess.run(["docker", "export", container], capture_output=True, check=True)
    finally:
        docker("rm", container)
    facts = {}
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        for member in archive:
            if member.name.split("/")[0] in ENGINE_DIRECTORIES or member.name in ENGINE_FILES:
                continue
            content = archive.extractfile(member) if member.isreg() else None
            digest = hashlib.sha256(content.read()).hexdigest() if content else ""
            attributes = {key: value for key, value in member.pax_headers.items() if key.startswith("SCHILY")}
            device = (member.devmajor, member.devminor)
            owner = (member.mode, member.uid, member.gid, member.mtime)
            facts[member.name] = (member.type, *owner, member.size, member.linkname, device, attributes, digest)
    return facts


async def session_over_changed_files(world: World, seed: int) -> SessionName:
    """A session whose checkpoint below has many files, of which it has changed a part since."""
    first, second = world.name(1), world.name(2)
    await world.start(first)
    await change(first, seed, 300)
    await world.compute.stop(first, GRACE)
    base = await world.save(first, "c1", interim=False)
    await world.compute.remove(first)
    await world.start(second, base=base.reference, base_digest=base.digest)
    await change(second, seed + 1, 150)
    return second


@pytest.mark.behaviour("B30")
@pytest.mark.parametrize("seed", [1, 2])
async def test_the_image_is_the_one_that_a_commit_makes(world: World, seed: int) -> None:
    name = await session_over_changed_files(world, seed)
    root = Path(f"/proc/{docker('inspect', '--format', '{{.State.Pid}}', str(name))}/root/workspace")
    (root / "program").write_bytes(b"program")
    os.setxattr(root / "program", "security.capability", CAPABILITY)
    os.setxattr(root / "program", "user.comment", b"not kept by commits")
    os.mknod(root / "device", 0o20600, os.makedev(1, 3))
    began = time.time()
    first = await world.save(name, "c2", interim=True)
    await change(name, seed + 2, 50)
    second = await world.save(name, "c2", interim=True)
    assert "commit" not in await commits(name, began)
    commit = docker("commit", str(name))
    assert exported(second.reference) == exported(commit)
    assert exported(first.reference) != exported(commit)
    docker("rmi", commit)


async def test_the_configuration_is_the_one_of_a_commit(world: World) -> None:
    name = world.name()
    upstream = await world.start(name, TOKEN="a secret value")
    await put(upstream, "a.txt", b"hello")
    staged = await world.save(name, "c1", interim=True, secrets=("a secret value",))
    committing = DockerCompute(URL, world.installation, ENVIRONMENT)
    committed = await World(committing, world.image, world.installation).save(name, "c1", interim=True)
    await committing.close()
    configurations = []
    for saved in (staged, committed):
        inspected = await inspected_image(saved.reference)
        assert inspected["Container"] == docker("inspect", "--format", "{{.Id}}", str(name))
        configurations.append({key: value for key, value in inspected["Config"].items() if key not in NEUTRAL_FIELDS})
        assert "a secret value" not in str(inspected)
    assert configurations[0] == configurations[1]
    assert (staged.size, staged.layers) == (committed.size, committed.layers)


async def inspected_image(reference: str) -> dict[str, Any]:
    engine = Engine(URL)
    inspected = await engine.find(f"images/{reference}/json")
    await engine.close()
    assert inspected is not None
    return inspected


@pytest.mark.behaviour("B30", "B34")
async def test_a_session_with_much_data_is_paused_shortly(world: World) -> None:
    """A commit pauses it for seconds: as long as the engine takes to write everything."""
    name = world.name()
    upstream = await world.start(name)
    docker("exec", str(name), "dd", "if=/dev/urandom", "of=/workspace/big", "bs=1M", "count=300")
    await world.save(name, "c1", interim=True)
    await put(upstream, "small.txt", b"new")
    saved = await world.save(name, "c1", interim=True)
    assert 0 < saved.pause_seconds < 0.5
    assert saved.size >= 300 * MIB


@pytest.mark.behaviour("B34")
async def test_nothing_is_saved_when_nothing_changed(world: World) -> None:
    name = world.name()
    upstream = await world.start(name)
    await put(upstream, "a.txt", b"1")
    first = await world.save(name, "c1", interim=True)
    began = time.time()
    assert await world.save(name, "c1", interim=True, recorded=first) == first
    assert await commits(name, began) == []


async def test_a_session_goes_on_from_such_a_save(world: World) -> None:
    upstream = await world.start(world.name(1))
    await put(upstream, "a.txt", b"hello")
    saved = await world.save(world.name(1), "c1", interim=True)
    again = await world.start(world.name(2), base=saved.reference, base_digest=saved.digest)
    assert await get(again, "a.txt") == b"hello"
    assert (await world.save(world.name(2), "c2", interim=True)).layers == saved.layers + 1


@pytest.mark.behaviour("B30")
async def test_files_that_are_written_all_the_time_are_whole_in_each_save(world: World) -> None:
    """Two databases, and a file that is replaced by a rename, while they are saved three times."""
    name = world.name()
    await world.start(name)
    writer = await asyncio.create_subprocess_exec(
        *("docker", "exec", "-i", str(name), tool_command()[0], "-I", "-"), stdin=asyncio.subprocess.PIPE
    )
    assert writer.stdin
    writer.stdin.write(WRITER.encode())
    writer.stdin.close()
    await eventually(lambda: has_file(name, "/workspace/ready"))
    saves: list[Saved] = [await world.save(name, "c1", interim=True) for _ in range(3)]
    await world.compute.stop(name, GRACE)
    await writer.wait()
    for saved in saves:
        words = ("run", "--rm", "-i", "--entrypoint", tool_command()[0], saved.reference, "-I", "-")
        assert await asyncio.to_thread(docker, *words, data=READER.encode()) == "whole"


WRITER = """
import json, os, sqlite3
databases = [sqlite3.connect(f"/workspace/{mode}.db", isolation_level=None) for mode in ("delete", "wal")]
for database, mode in zip(databases, ("delete", "wal")):
    database.execute(f"PRAGMA journal_mode={mode}")
    database.execute("CREATE TABLE row (id INTEGER PRIMARY KEY, number INTEGER, filling TEXT)")
    database.executemany("INSERT INTO row (number, filling) VALUES (?, ?)", [(0, "x" * 400)] * 3000)
count = 0
while True:
    for database in databases:
        database.execute("UPDATE row SET number = number + 1")
    with open("/workspace/.new", "w") as file:
        json.dump([count] * 2000, file)
    os.rename("/workspace/.new", "/workspace/state.json")
    open("/workspace/ready", "w").close()
    count += 1
"""
READER = """
import json, sqlite3
assert len(set(json.load(open("/workspace/state.json")))) == 1
for mode in ("delete", "wal"):
    database = sqlite3.connect(f"/workspace/{mode}.db")
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert len(database.execute("SELECT DISTINCT number FROM row").fetchall()) == 1
print("whole")
"""


async def has_file(name: SessionName, path: str) -> bool:
    return await asyncio.to_thread(docker, "exec", str(name), "sh", "-c", f"[ -e {path} ] && echo yes || echo no") == "yes"


async def test_a_session_that_a_dead_server_left_paused_goes_on(world: World, tmp_path: Path) -> None:
    name = world.name()
    upstream = await world.start(name)
    await put(upstream, "a.txt", b"1")
    await world.save(name, "c1", interim=True)
    docker("pause", str(name))
    assert (await world.compute.observe(name)).presence is Presence.RUNNING
    assert await paused(name)  # a person has paused it
    staging_of(name, tmp_path).mark_paused()
    await world.compute.observe(name)
    assert not await paused(name)
    docker("pause", str(name))
    staging_of(name, tmp_path).mark_paused()
    await asyncio.wait_for(world.save(name, "c1", interim=True), 60)  # without waiting for the end of a pause that nobody ends
    assert not await paused(name)


def staging_of(name: SessionName, tmp_path: Path) -> Any:
    return StagingDirectories(tmp_path / "staging").of(docker("inspect", "--format", "{{.Id}}", str(name)))


async def test_a_server_that_ends_during_a_save_resumes_the_session(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = world.name()
    await world.start(name)
    began = asyncio.Event()

    async def hang(copy: Staging) -> None:
        began.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(Staging, "finish", hang)
    closing = DockerCompute(URL, world.installation, ENVIRONMENT, staging_root=tmp_path / "staging")
    save = asyncio.create_task(World(closing, world.image, world.installation).save(name, "c1", interim=True))
    await began.wait()
    assert await paused(name)
    await closing.close()
    with pytest.raises(ComputeUnknown):
        await save
    assert not await paused(name)


@pytest.mark.behaviour("B30")
async def test_a_pause_that_takes_too_long_is_ended_and_the_engine_commits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    name = world.name()
    upstream = await world.start(name)
    await put(upstream, "a.txt", b"1")

    async def hang(copy: Staging) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Staging, "finish", hang)
    monkeypatch.setattr(staged_saves, "PAUSE_TIMEOUT_SECONDS", 0.1)
    began = time.time()
    await world.save(name, "c1", interim=True)
    assert await commits(name, began) == ["pause", "unpause", "pause", "commit", "unpause"]
    assert not await paused(name)


async def test_the_copies_go_with_the_session(world: World, tmp_path: Path) -> None:
    name = world.name()
    upstream = await world.start(name)
    await put(upstream, "a.txt", b"1")
    await world.save(name, "c1", interim=True)
    assert len(directories(tmp_path)) == 1
    await world.compute.remove(name)
    assert directories(tmp_path) == []


async def test_copies_that_no_session_names_are_swept(world: World, tmp_path: Path) -> None:
    name = world.name()
    upstream = await world.start(name)
    await put(upstream, "a.txt", b"1")
    await world.save(name, "c1", interim=True)
    kept = directories(tmp_path)
    (tmp_path / "staging" / ("0" * 64) / "contents-x").mkdir(parents=True)
    await world.compute.check()
    assert directories(tmp_path) == kept


def directories(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "staging").iterdir())


async def test_a_full_disk_leaves_the_save_to_the_engine(small_disk: Path, world: World) -> None:
    name = world.name()
    await world.start(name)
    docker("exec", str(name), "dd", "if=/dev/urandom", "of=/workspace/big", "bs=1M", "count=8")
    began = time.time()
    saved = await world.save(name, "c1", interim=True)
    assert "commit" in await commits(name, began)
    assert saved.size >= 8 * MIB
    assert not await asyncio.to_thread(lambda: list(small_disk.glob("*/contents-*")))
    assert (await world.compute.observe(name)).presence is Presence.RUNNING


async def test_a_directory_that_only_has_the_right_name_is_not_read(world: World, tmp_path: Path) -> None:
    """As where the engine is on another machine, or this server is in a container."""
    name = world.name()
    await world.start(name)
    engine = Engine(URL)
    container = await engine.find(f"containers/{name}/json")
    await engine.close()
    assert container is not None
    assert local_layer.find(engine, container) is not None
    upper = Path(container["GraphDriver"]["Data"]["UpperDir"])
    elsewhere = tmp_path / upper.relative_to("/")
    elsewhere.mkdir(parents=True)
    container["GraphDriver"]["Data"]["UpperDir"] = str(elsewhere)
    assert local_layer.find(engine, container) is None
    container["GraphDriver"]["Data"]["UpperDir"] = str(upper)
    container["State"]["Pid"] = os.getpid()
    assert local_layer.find(engine, container) is None


async def test_a_reserved_name_is_refused_as_by_a_commit(world: World) -> None:
    name = world.name()
    upstream = await world.start(name)
    await put(upstream, ".wh.notes", b"1")
    with pytest.raises(Exception, match="cannot be saved"):
        await world.save(name, "c1", interim=True)
    assert not await paused(name)
