"""An engine that is away, hangs, or answers nonsense: unknown is not stopped, and nothing waits for ever."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.compute.docker import DockerCompute, engine, session_events
from services.compute.protocol import ComputeFailed, ComputeUnknown, Presence, SaveRequest
from tests.compute.world import quietly
from tests.docker.fake_engine import CONTAINER, ENVIRONMENT, IMAGE, LABELS, NAME, SPEC, STATE, FakeEngine, event
from tests.waiting import WAIT_LIMIT_S

Call = Callable[[DockerCompute], Awaitable[Any]]
CALLS: dict[str, Call] = {
    "check": lambda compute: compute.check(),
    "ensure_image": lambda compute: compute.ensure_image(IMAGE, quietly),
    "ensure_session": lambda compute: compute.ensure_session(SPEC, quietly),
    "probe": lambda compute: compute.probe(NAME, 8000, "/"),
    "observe": lambda compute: compute.observe(NAME),
    "stop": lambda compute: compute.stop(NAME, timedelta(0)),
    "save": lambda compute: compute.save(SaveRequest(NAME, "studiograph-0/b:c1-final-0", interim=False)),
    "remove": lambda compute: compute.remove(NAME),
    "remove_checkpoint": lambda compute: compute.remove_checkpoint("studiograph-0/b:c1"),
    "sessions": lambda compute: compute.sessions(),
    "tail": lambda compute: compute.tail(NAME, 100),
    "follow": lambda compute: anext(compute.follow(NAME, None)),
}
each_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())


@each_call
async def test_an_engine_that_is_away_is_unknown(call: Call, tmp_path: Path) -> None:
    compute = DockerCompute(f"unix://{tmp_path}/no.sock", NAME.installation, ENVIRONMENT)
    with pytest.raises(ComputeUnknown):
        await call(compute)
    await compute.close()


@each_call
async def test_an_engine_that_refuses_the_connection_is_named_in_plain_words(call: Call) -> None:
    with socket.socket() as unused:  # bound, but nobody listens
        unused.bind(("127.0.0.1", 0))
        url = f"tcp://127.0.0.1:{unused.getsockname()[1]}"
        compute = DockerCompute(url, NAME.installation, ENVIRONMENT)
        with pytest.raises(ComputeUnknown) as caught:
            await call(compute)
    assert str(caught.value) == f"the Docker Engine at {url} cannot be reached: connection refused"
    await compute.close()


@each_call
async def test_an_engine_that_answers_500_is_unknown(call: Call, compute: DockerCompute, fake: FakeEngine) -> None:
    fake.answers = dict.fromkeys(("GET", "POST", "DELETE"), (500, "layer does not exist"))
    with pytest.raises(ComputeUnknown, match="layer does not exist"):
        await call(compute)


@each_call
async def test_an_engine_that_hangs_is_unknown(
    call: Call, compute: DockerCompute, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    defaults = engine.Engine.call.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "limit", 0.1)
    fake.hangs = {"GET", "POST", "DELETE"}
    async with asyncio.timeout(WAIT_LIMIT_S):
        with pytest.raises(ComputeUnknown, match=r"did not answer within 0\.1 s"):
            await call(compute)


@pytest.mark.parametrize("nonsense", [b"", b"<html>", b'{"Id": "', b"[]", b"{}", b"null"])
async def test_nonsense_is_unknown(compute: DockerCompute, fake: FakeEngine, nonsense: bytes) -> None:
    fake.answers = {"GET /containers": nonsense}
    with pytest.raises(ComputeUnknown):
        await compute.observe(NAME)


async def test_an_address_that_is_none_is_a_clear_no() -> None:
    with pytest.raises(ComputeFailed, match="cannot be used"):
        await DockerCompute("nonsense", NAME.installation, ENVIRONMENT).observe(NAME)


async def test_only_what_is_positively_absent_is_absent(compute: DockerCompute, fake: FakeEngine) -> None:
    fake.answers = {"GET /containers/json": []}
    assert (await compute.observe(NAME)).presence is Presence.ABSENT


@pytest.mark.parametrize("status", ["removing", "something-new"])
async def test_a_state_in_between_is_unknown(compute: DockerCompute, fake: FakeEngine, status: str) -> None:
    fake.answers = {"GET /containers/sg-": {**CONTAINER, "State": {**STATE, "Status": status}}}
    with pytest.raises(ComputeUnknown):
        await compute.observe(NAME)


async def test_a_process_that_cannot_be_killed_is_unknown(compute: DockerCompute, fake: FakeEngine) -> None:
    running = {**CONTAINER, "State": {**STATE, "Status": "running", "Running": True}}
    fake.answers = {"GET /containers/": running, "POST /containers/": (500, "tried to kill container, but did not receive an exit event")}
    with pytest.raises(ComputeUnknown, match="did not receive an exit event"):
        await compute.stop(NAME, timedelta(0))
    fake.answers["POST /containers/"] = None
    with pytest.raises(ComputeUnknown, match="do not end"):
        await compute.stop(NAME, timedelta(0))


@pytest.mark.behaviour("B8")
async def test_a_full_disk_fails_the_save_and_is_no_reason_to_wait(compute: DockerCompute, fake: FakeEngine) -> None:
    fake.answers = {
        "GET /containers/": CONTAINER,
        "GET /images/json": [],
        "GET /images/sha256": {"Id": CONTAINER["Image"], "Size": 1, "Config": {"Cmd": ["x"]}},
        "POST /commit": (500, "Error processing tar file(exit status 1): write /data: no space left on device"),
    }
    with pytest.raises(ComputeFailed, match="no space left"):
        await compute.save(SaveRequest(NAME, "studiograph-0/b:c1-final-0", interim=False))


async def test_an_engine_that_wants_the_network_before_the_container_is_asked_again(compute: DockerCompute, fake: FakeEngine) -> None:
    """The two are made side by side; the engines that we know look for the network at the start only."""
    image = {"Id": "sha256:1", "Size": 1, "Os": "linux", "Architecture": "amd64", "Config": {"Cmd": ["x"]}}
    fake.answers = {
        "GET /containers/json": [],
        "GET /images/image:1": image,
        "GET /networks/bridge": (404, "no such network"),
        "GET /networks/zz-": (404, "no such network"),
        "GET /networks": [],
        "POST /networks/create": {"Id": "n1"},
        "POST /containers/create": (404, f"network {NAME} not found"),
    }
    with pytest.raises(ComputeUnknown, match="not there yet"):
        await compute.ensure_session(SPEC, quietly)
    assert "POST /networks/create" in fake.calls


async def test_watching_ends_when_the_stream_is_cut(compute: DockerCompute, fake: FakeEngine) -> None:
    changes: Any = compute.watch()
    async with aclosing(changes):
        assert (await anext(changes)).name is None
        await fake.events.put(event("die", LABELS))
        assert (await anext(changes)).name == NAME
        await fake.events.put(event("die", LABELS)[:40])
        await fake.events.put(None)
        with pytest.raises(ComputeUnknown):
            await anext(changes)
    assert fake.open_streams == 0


async def test_watching_ends_when_the_engine_gives_no_sign_of_life(
    compute: DockerCompute, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_events, "PING_SECONDS", 0.1)
    fake.answers = {"GET /_ping": "OK"}
    changes: Any = compute.watch()
    async with aclosing(changes):
        await anext(changes)
        quiet = asyncio.ensure_future(anext(changes))
        while fake.calls.count("GET /_ping") < 3:
            await asyncio.wait([quiet], timeout=0.05)
        assert not quiet.done()
        fake.hangs = {"GET /_ping"}
        async with asyncio.timeout(WAIT_LIMIT_S):
            with pytest.raises(ComputeUnknown):
                await quiet


async def test_watching_an_engine_that_is_away_ends_at_once(tmp_path: Path) -> None:
    compute = DockerCompute(f"unix://{tmp_path}/no.sock", NAME.installation, ENVIRONMENT)
    with pytest.raises(ComputeUnknown):
        await anext(compute.watch())
    await compute.close()


async def test_a_strangers_event_is_a_reason_to_look_at_all(compute: DockerCompute, fake: FakeEngine) -> None:
    changes: Any = compute.watch()
    async with aclosing(changes):
        await anext(changes)
        await fake.events.put(event("die", {}))
        assert (await anext(changes)).name is None
