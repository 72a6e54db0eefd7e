"""A planted secret is found in nothing that the engine shows or keeps."""

import asyncio
import json
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import update

from services.compute.docker import naming
from services.compute.protocol import ComputeFailed
from services.secrets.secret_box import SecretBox
from services.store.tables import core
from tests.compute.world import GRACE, World, ask, ask_json
from tests.docker.images import variant
from tests.docker.server import Job, docker_job
from tests.docker.tiny_image import docker
from tests.waiting import eventually

pytestmark = pytest.mark.docker
SECRET = "sesame-4711-open"


@pytest.mark.behaviour("B16")
async def test_a_secret_is_in_no_inspection_history_log_event_or_image(world: World) -> None:
    name = world.name()
    events = await asyncio.create_subprocess_exec("docker", "events", "--format", "{{json .}}", stdout=asyncio.subprocess.PIPE)
    upstream = await world.start(name, TOKEN=SECRET)
    assert (await ask_json(upstream, "/env"))["TOKEN"] == SECRET
    interim = await world.save(name, "c1", interim=True, secrets=(SECRET,))
    await world.compute.stop(name, GRACE)
    saved = await world.save(name, "c1", interim=False, secrets=(SECRET,))
    events.terminate()
    assert events.stdout is not None
    shown = [
        (await events.stdout.read()).decode(),
        docker("inspect", str(name)),
        docker("network", "inspect", naming.network(name)),
        docker("logs", str(name)),
        docker("image", "inspect", interim.reference, saved.reference),
        docker("history", "--no-trunc", saved.reference),
        *[await asyncio.to_thread(_archive, it.reference) for it in (interim, saved)],
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
        await world.save(name, "c1", interim=False, secrets=(SECRET,))
    assert docker("images", "-q", f"studiograph-{world.installation[:8]}/*") == ""


async def test_short_secrets_are_looked_for_among_the_variables_alone(world: World) -> None:
    name = world.name()
    await world.start(name)
    await world.compute.stop(name, GRACE)
    assert (await world.save(name, "c1", interim=False, secrets=("1", "sha"))).digest


async def test_a_checkpoint_is_as_its_template_and_names_no_session(world: World) -> None:
    name = world.name()
    await world.start(name, TOKEN=SECRET)
    await world.compute.stop(name, GRACE)
    saved = await world.save(name, "c1", interim=False)
    [template], [checkpoint] = (json.loads(docker("image", "inspect", it)) for it in (world.image.image, saved.reference))
    for part in ("Entrypoint", "Cmd", "User", "Env", "WorkingDir"):
        assert (checkpoint["Config"][part] or None) == (template["Config"][part] or None), part
    assert {value for key, value in checkpoint["Config"]["Labels"].items() if key.startswith("studiograph.")} == {""}
    assert (checkpoint["Config"]["OpenStdin"], checkpoint["Config"]["StdinOnce"]) == (False, False)


OWN, SHARED = "own-sesame-8264-shut", "shared-sesame-1937-shut"
EVERYTHING = """query($id: ID!) { studio(id: $id) { configuration { environment { key value secret } } logs { text } status statusMessage
  checkpoints { nodes { id name status } } } }"""
UPDATE = """mutation($input: UpdateStudioInput!) { updateStudio(input: $input) {
  ... on StudioPayload { studio { configuration { environment { key value secret } } } } ... on Error { message } } }"""


@pytest.mark.slow
@pytest.mark.behaviour("B16", "B84")
async def test_secrets_of_a_studio_and_of_its_compute_environment_stay_sealed(tmp_path: Path, sqlite_url: str) -> None:
    """Set, run, printed by the tool, saved while it runs, stopped, started again: nothing shows or keeps them but the tool itself."""
    env_vars = [{"key": "OWN", "value": OWN, "secret": True}]
    key = SecretBox.new_key()
    async with docker_job(tmp_path, sqlite_url, checkpoint_interval_seconds="1", secret_key=key) as job:
        events = await asyncio.create_subprocess_exec("docker", "events", "--format", "{{json .}}", stdout=asyncio.subprocess.PIPE)
        await _share(job, SecretBox(key))
        answer = await job.server.graphql(UPDATE, {"input": {"studioId": job.studio, "environment": env_vars}})
        assert answer["updateStudio"]["studio"]["configuration"]["environment"] == [{"key": "OWN", "value": None, "secret": True}]
        shown = [json.dumps(answer)]
        for _ in range(2):
            await job.start()
            await job.status("RUNNING")
            upstream = await job.upstream()
            seen = await ask_json(upstream, "/env")
            assert (seen["OWN"], seen["SHARED"]) == (OWN, SHARED)
            await ask(upstream, "GET", f"/print?text=they-are:{OWN}:{SHARED}:")
            await eventually(lambda: _saved(job))
            await eventually(lambda: _printed(job))
            shown += [docker("inspect", *job.containers()), docker("network", "inspect", *job.networks())]
            shown.append(json.dumps(await job.server.graphql(EVERYTHING, {"id": job.studio})))
            await job.stop()
            await job.status("STOPPED")
            shown.append(await _images(job))
        events.terminate()
        assert events.stdout is not None
        shown.append((await events.stdout.read()).decode())
        await events.wait()
        kept = _files(tmp_path)
        assert kept.keys() >= {"studiograph.db", "server.log"}
        everywhere = {**kept, **{text[:200]: text for text in shown}}
        assert [where for where, text in everywhere.items() if OWN in text or SHARED in text] == []


def _files(directory: Path) -> dict[str, str]:
    """The database with its journal, the server's log, its data directory; not the key."""
    return {path.name: path.read_bytes().decode("latin-1") for path in directory.rglob("*") if path.is_file()}


async def _share(job: Job, box: SecretBox) -> None:
    """A secret for all sessions of the compute environment."""
    shared = [{"key": "SHARED", "value": box.seal(SHARED), "secret": True}]
    async with job.database.write() as transaction:
        await transaction.execute(update(core.compute_environment).values(environment=shared))


async def _saved(job: Job) -> bool:
    """Whether the session that runs has been saved."""
    return bool(job.saves()) and "INTERIM" in await job.checkpoints()


async def _printed(job: Job) -> bool:
    logs = (await job.server.graphql(EVERYTHING, {"id": job.studio}))["studio"]["logs"]["text"]
    return "they-are:…:…:" in logs


async def _images(job: Job) -> str:
    """The checkpoint as the engine shows it, and whole."""
    shown = []
    for name in await job.recorded():
        shown += [docker("image", "inspect", name), docker("history", "--no-trunc", name), await asyncio.to_thread(_archive, name)]
    return "".join(shown)
