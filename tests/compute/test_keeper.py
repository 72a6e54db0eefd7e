"""The process kind survives the death of each of its parts, and keeps secrets off the disk."""

# ruff: noqa: ASYNC220, ASYNC221, ASYNC240 - a test may block: its session runs in other processes

import asyncio
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from services.compute.process import ProcessCompute
from services.compute.process.data_directory import DataDirectory, SessionDirectory
from services.compute.process.keeper_client import frozen
from services.compute.process.procfs import start_time
from services.compute.protocol import ComputeFailed, ComputeUnknown, ImageSpec, Presence
from services.domain.session_name import SessionName
from tests.compute.world import GRACE, INSTALLATION, World, ask, ask_json, put, quietly, tiny_command
from tests.waiting import WAIT_LIMIT_S, eventually, promised

SECRET = "s3cr3t-hunter2-of-the-session"


@pytest.fixture
def world(process_world: World) -> World:
    return process_world


@pytest.fixture
def session_directory(root: Path, world: World) -> SessionDirectory:
    return DataDirectory(root, INSTALLATION).session(world.name())


def record(session_directory: SessionDirectory) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(session_directory.state.read_text())
    return state


async def gone(pid: int) -> None:
    async def look() -> bool:
        return start_time(pid) is None

    await eventually(look)


async def test_another_server_finds_the_session_as_it_was(world: World, root: Path) -> None:
    upstream = await world.start(world.name())
    other = World(ProcessCompute(root, INSTALLATION), world.image)
    assert await other.compute.sessions() == await world.compute.sessions()
    assert await other.ready(world.name()) == upstream
    await other.compute.stop(world.name(), GRACE)
    assert await world.presence(world.name()) is Presence.EXITED


async def test_two_servers_start_a_session_once(world: World, root: Path) -> None:
    other = ProcessCompute(root, INSTALLATION)
    spec = world.spec(world.name())
    await asyncio.gather(*(compute.ensure_session(spec, quietly) for compute in (world.compute, other) * 3))
    await world.ready(world.name())
    assert (await world.logged(world.name(), b"tiny listens")).count(b"starting") == 1


async def test_the_death_of_the_server_that_started_it_loses_nothing(world: World, root: Path) -> None:
    spec = world.spec(world.name())
    program = (
        "import asyncio, os, signal\nfrom pathlib import Path\nfrom services.compute.process import ProcessCompute\n"
        "from services.compute.protocol import SessionName, SessionSpec, ImageSpec\n"
        "async def quietly(message): pass\n"
        f"asyncio.run(ProcessCompute(Path({str(root)!r}), {INSTALLATION!r}).ensure_session({spec!r}, quietly))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = {**os.environ, "TMPDIR": tempfile.gettempdir()}
    server = await asyncio.create_subprocess_exec(sys.executable, "-c", program, env=environment)
    assert await server.wait() == -signal.SIGKILL
    upstream = await world.ready(world.name())
    await ask(upstream, "GET", "/exit?code=7")
    assert (await world.ended(world.name())).exit_code == 7


async def test_a_killed_tool_is_noticed_at_once(world: World) -> None:
    upstream = await world.start(world.name())
    pid = (await ask_json(upstream, "/pids"))["pid"]
    async with aclosing(world.compute.watch()) as changes, asyncio.timeout(WAIT_LIMIT_S):  # type: ignore[type-var]
        begun = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        while await world.presence(world.name()) is not Presence.EXITED:
            await anext(changes)
    assert time.monotonic() - begun < promised(0.5)
    assert (await world.compute.observe(world.name())).exit_code == 128 + signal.SIGKILL


@pytest.mark.behaviour("B31")
async def test_a_killed_keeper_takes_all_with_it(world: World, session_directory: SessionDirectory) -> None:
    upstream = await world.start(world.name(), TINY_CHILDREN="1", TINY_DAEMONS="1")
    await put(upstream, "a.txt", b"hello")
    tool = (await ask_json(upstream, "/pids"))["pid"]
    async with aclosing(world.compute.watch()) as changes, asyncio.timeout(WAIT_LIMIT_S):  # type: ignore[type-var]
        os.kill(record(session_directory)["keeper"][0], signal.SIGKILL)
        while await world.presence(world.name()) is not Presence.EXITED:
            await anext(changes)
    observation = await world.compute.observe(world.name())
    assert observation.exit_code is None
    assert observation.message
    assert start_time(tool) is None
    session_record = session_directory.session_record()
    assert session_record is not None
    assert not await _marked(session_record.marker)
    assert (await world.save(world.name(), "c1", interim=False)).size > 0


async def _marked(marker: str) -> list[Path]:
    def look() -> list[Path]:
        return [p for p in Path("/proc").glob("[0-9]*") if marker.encode() in _environ(p)]

    return await asyncio.to_thread(look)


def _environ(process: Path) -> bytes:
    try:
        return (process / "environ").read_bytes()
    except OSError:
        return b""


async def test_the_record_of_an_earlier_boot_means_exited_and_kills_nobody(world: World, session_directory: SessionDirectory) -> None:
    await world.start(world.name())
    await world.compute.stop(world.name(), GRACE)
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as stranger:
        started = start_time(stranger.pid)
        session_directory.state.write_text(
            json.dumps({**record(session_directory), "exited": None, "boot": "another", "keeper": [stranger.pid, started]})
        )
        assert await world.presence(world.name()) is Presence.EXITED
        session_directory.state.write_text(json.dumps({**record(session_directory), "exited": None, "keeper": [stranger.pid, 1]}))
        await world.compute.stop(world.name(), GRACE)
        await world.compute.remove(world.name())
        assert stranger.poll() is None
        stranger.kill()


async def test_a_record_that_cannot_be_read_is_unknown(world: World, session_directory: SessionDirectory) -> None:
    await world.start(world.name())
    good = session_directory.state.read_text()
    session_directory.state.write_text("{")
    with pytest.raises(ComputeUnknown):
        await world.compute.observe(world.name())
    with pytest.raises(ComputeUnknown):
        await world.compute.sessions()
    session_directory.state.write_text(good)
    session_record = session_directory.path / "session.json"
    good = session_record.read_text()
    session_record.write_text("")
    with pytest.raises(ComputeUnknown):
        await world.compute.observe(world.name())
    session_record.write_text(good)


async def test_secrets_are_in_no_file_and_in_no_command_line(world: World, root: Path, sockets: Path) -> None:
    await world.start(world.name(), PASSWORD=SECRET)
    saved = await world.save(world.name(), "c1", interim=True, secrets=(SECRET,))
    unpacked = subprocess.run(["zstd", "-dc", str(root / "checkpoints" / saved.reference)], capture_output=True, check=True).stdout
    assert SECRET.encode() not in unpacked
    for path in [*root.rglob("*"), *sockets.rglob("*")]:
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path
    for process in Path("/proc").glob("[0-9]*"):
        assert SECRET.encode() not in _command_line(process), process


def _command_line(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


async def test_the_server_s_own_environment_stays_with_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIOGRAPH_DATABASE_URL", "postgresql://user:password@host/db")
    env_vars = await ask_json(await world.start(world.name()), "/env")
    assert "STUDIOGRAPH_DATABASE_URL" not in env_vars
    assert env_vars["HOME"].endswith("/files/home")


async def test_sockets_and_directories_are_the_user_s_alone(world: World, root: Path) -> None:
    upstream = await world.start(world.name())
    assert upstream.unix
    assert stat.S_IMODE(Path(upstream.unix).stat().st_mode) == 0o600
    for path in (Path(upstream.unix).parent, root, root / "sessions", root / "sessions" / str(world.name()), root / "checkpoints"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700, path


async def test_a_short_place_is_used_for_sockets_where_the_path_is_long(tmp_path: Path, sockets: Path) -> None:
    for root in (tmp_path / ("d" * 90), sockets / "d"):
        world = World(ProcessCompute(root, INSTALLATION), ImageSpec("CUSTOM", tiny_command(), ""))
        upstream = await world.start(world.name())
        assert upstream.unix
        assert len(upstream.unix) < 100
        await world.compute.remove(world.name())


async def test_a_place_for_sockets_that_is_not_ours_is_refused(world: World, sockets: Path) -> None:
    (sockets / f"sg-{INSTALLATION[:8]}").symlink_to(sockets)
    with pytest.raises(ComputeFailed, match="private directory"):
        await world.start(world.name())


async def test_the_log_is_bounded_and_says_what_was_dropped(world: World, root: Path) -> None:
    name = world.name()
    upstream = await world.start(name)
    for _ in range(8):
        await ask(upstream, "GET", f"/print?times=20000&text={'x' * 99}")

    await world.compute.stop(name, GRACE)
    async with aclosing(world.compute.follow(name, None)) as printed:
        pieces = [piece async for piece in printed]
    assert pieces[0].skipped > 5_000_000
    assert sum(piece.skipped + len(piece.data) for piece in pieces) == int(pieces[-1].cursor) > 16_000_000
    assert sum(path.stat().st_size for path in (root / "sessions" / str(name)).glob("log.*")) < 11 << 20


@pytest.mark.behaviour("B34")
async def test_nothing_moves_while_a_save_is_made_and_all_goes_on_after(world: World, session_directory: SessionDirectory) -> None:
    upstream = await world.start(world.name(), TINY_CHILDREN="1", TINY_DAEMONS="1")
    session_record = session_directory.session_record()
    assert session_record
    async with frozen(session_record):
        assert {_state(pid) for pid in await _pids(session_record.marker)} == {"T"}
        assert (await world.presence(world.name())) is Presence.RUNNING
    assert await eventually(lambda: ask(upstream, "GET", "/"))
    assert "T" not in {_state(pid) for pid in await _pids(session_record.marker)}


async def test_a_server_that_dies_during_a_save_does_not_leave_the_session_frozen(
    world: World, session_directory: SessionDirectory
) -> None:
    upstream = await world.start(world.name())
    session_record = session_directory.session_record()
    assert session_record
    program = (
        "import socket, sys, os, signal\ns = socket.socket(socket.AF_UNIX)\n"
        f"s.connect({str(session_record.keeper_socket)!r})\n"
        's.send(b\'{"do": "freeze", "limit": 600}\\n\')\ns.recv(100)\nos.kill(os.getpid(), signal.SIGKILL)\n'
    )
    server = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
    assert await server.wait() == -signal.SIGKILL
    async with asyncio.timeout(WAIT_LIMIT_S):
        assert (await ask(upstream, "GET", "/"))[0] == 200


async def test_a_session_can_be_stopped_while_it_is_saved(world: World, session_directory: SessionDirectory) -> None:
    await world.start(world.name())
    session_record = session_directory.session_record()
    assert session_record
    async with frozen(session_record), asyncio.timeout(promised(5)):
        await world.compute.stop(world.name(), GRACE)
    assert (await world.compute.observe(world.name())).exit_code == 0


async def _pids(marker: str) -> list[int]:
    return [int(path.name) for path in await _marked(marker)]


def _state(pid: int) -> str:
    """Its letter; empty for one that has just ended, as what the tool runs for a moment does."""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


async def test_a_command_that_cannot_be_run_exits(root: Path, tmp_path: Path) -> None:
    script = tmp_path / "tool"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    world = World(ProcessCompute(root, INSTALLATION), ImageSpec("CUSTOM", str(script), ""))
    await world.compute.ensure_session(world.spec(world.name()), quietly)
    assert (await world.ended(world.name())).exit_code == 127
    assert b"No such file" in await world.compute.tail(world.name(), 1000)
    await world.compute.remove(world.name())


async def test_what_interrupted_work_left_is_swept(world: World, root: Path) -> None:
    await world.compute.check()
    half = root / "sessions" / f".new-{world.name()}"
    (half / "files" / "a").mkdir(parents=True)
    (root / "sessions" / f".gone-{world.name()}").mkdir()
    (root / "checkpoints" / ".part-1234").write_bytes(b"x")
    await world.compute.check()
    assert list((root / "sessions").iterdir()) == list((root / "checkpoints").iterdir()) == []


async def test_a_half_prepared_session_is_begun_anew(world: World, root: Path) -> None:
    half = root / "sessions" / f".new-{world.name()}" / "files"
    half.mkdir(parents=True)
    (half / "rubbish").touch()
    await world.start(world.name())
    assert not (root / "sessions" / str(world.name()) / "files" / "rubbish").exists()


async def test_removal_follows_no_links_and_copes_with_read_only_directories(world: World, root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").touch()
    await world.start(world.name())
    workspace = root / "sessions" / str(world.name()) / "files" / "workspace"
    (workspace / "link").symlink_to(outside)
    (workspace / "locked").mkdir()
    (workspace / "locked" / "file").touch()
    (workspace / "locked").chmod(0o500)
    await world.compute.remove(world.name())
    assert (outside / "precious").exists()
    assert not workspace.exists()


@pytest.mark.parametrize("name", ["../../etc", "a/b", "", "."])
async def test_names_that_lead_elsewhere_are_refused(world: World, name: str) -> None:
    with pytest.raises(ComputeFailed):
        await world.compute.observe(SessionName(INSTALLATION, "5" * 32, name, 1))
    with pytest.raises(ComputeFailed):
        await world.compute.remove_checkpoint(name)


async def test_a_save_is_never_named_as_one_whose_removal_is_under_way(world: World, root: Path) -> None:
    upstream = await world.start(world.name())
    await put(upstream, "a.txt", b"1")
    file = root / "sessions" / str(world.name()) / "files" / "workspace" / "a.txt"
    os.utime(file, (1, 1))
    first = await world.save(world.name(), "c1", interim=True)
    file.write_bytes(b"2")
    second = await world.save(world.name(), "c1", interim=True)
    file.write_bytes(b"1")
    os.utime(file, (1, 1))
    third = await world.save(world.name(), "c1", interim=True)
    assert third.digest == first.digest
    assert len({first.reference, second.reference, third.reference}) == 3


@pytest.mark.behaviour("B31")
async def test_a_keeper_killed_during_a_save_leaves_nothing_frozen(world: World, session_directory: SessionDirectory) -> None:
    await world.start(world.name(), TINY_DAEMONS="1")
    session_record = session_directory.session_record()
    assert session_record
    async with frozen(session_record):
        os.kill(record(session_directory)["keeper"][0], signal.SIGKILL)
        await gone(record(session_directory)["keeper"][0])
        assert await world.presence(world.name()) is Presence.EXITED
    assert not await _marked(session_record.marker)


@pytest.mark.slow
async def test_a_session_ends_when_its_directory_is_deleted(world: World, session_directory: SessionDirectory) -> None:
    await world.start(world.name(), TINY_DAEMONS="1")
    session_record, keeper = session_directory.session_record(), record(session_directory)["keeper"][0]
    assert session_record
    shutil.rmtree(session_directory.path)

    async def ended() -> bool:
        return start_time(keeper) is None and not await _marked(session_record.marker)

    await eventually(ended)
