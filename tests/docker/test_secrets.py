"""A planted secret is found in nothing that the engine shows or keeps."""

import asyncio
import json
import subprocess

import pytest

from services.compute.protocol import ComputeFailed
from tests.compute.world import GRACE, World, ask_json
from tests.docker.images import variant
from tests.docker.tiny_image import docker

pytestmark = pytest.mark.docker
SECRET = "sesame-4711-open"


@pytest.mark.behaviour("B16")
async def test_a_secret_is_in_no_inspection_history_log_event_or_image(world: World) -> None:
    name = world.name()
    events = await asyncio.create_subprocess_exec("docker", "events", "--format", "{{json .}}", stdout=asyncio.subprocess.PIPE)
    upstream = await world.start(name, TOKEN=SECRET)
    assert (await ask_json(upstream, "/env"))["TOKEN"] == SECRET
    interim = await world.compute.save(name, "c1", interim=True, secrets=(SECRET,))
    await world.compute.stop(name, GRACE)
    saved = await world.compute.save(name, "c1", interim=False, secrets=(SECRET,))
    events.terminate()
    assert events.stdout is not None
    shown = [
        (await events.stdout.read()).decode(),
        docker("inspect", str(name)),
        docker("network", "inspect", str(name)),
        docker("logs", str(name)),
        docker("image", "inspect", interim.reference, saved.reference),
        docker("history", "--no-trunc", saved.reference),
        await asyncio.to_thread(_archive, saved.reference),
    ]
    await events.wait()
    assert len(shown[0]) > 1000
    assert [text[:200] for text in shown if SECRET in text] == []


def _archive(reference: str) -> str:
    """All that a registry would get."""
    archive = subprocess.run(["docker", "save", reference], capture_output=True, check=True).stdout
    return archive.decode("latin-1")


async def test_a_save_that_would_show_a_secret_is_dropped(world: World) -> None:
    world.image = variant("telltale", f"ENV TOKEN={SECRET}")
    name = world.name()
    await world.start(name)
    await world.compute.stop(name, GRACE)
    with pytest.raises(ComputeFailed, match="would have shown a secret"):
        await world.compute.save(name, "c1", interim=False, secrets=(SECRET,))
    assert docker("images", "-q", f"studiograph-{world.installation[:8]}/*") == ""


async def test_short_secrets_are_looked_for_among_the_variables_alone(world: World) -> None:
    name = world.name()
    await world.start(name)
    await world.compute.stop(name, GRACE)
    assert (await world.compute.save(name, "c1", interim=False, secrets=("1", "sha"))).digest


async def test_a_checkpoint_is_as_its_template_and_names_no_session(world: World) -> None:
    name = world.name()
    await world.start(name, TOKEN=SECRET)
    await world.compute.stop(name, GRACE)
    saved = await world.compute.save(name, "c1", interim=False)
    [template], [checkpoint] = (json.loads(docker("image", "inspect", it)) for it in (world.image.image, saved.reference))
    for part in ("Entrypoint", "Cmd", "User", "Env", "WorkingDir"):
        assert (checkpoint["Config"][part] or None) == (template["Config"][part] or None), part
    assert {value for key, value in checkpoint["Config"]["Labels"].items() if key.startswith("studiograph.")} == {""}
    assert (checkpoint["Config"]["OpenStdin"], checkpoint["Config"]["StdinOnce"]) == (False, False)
