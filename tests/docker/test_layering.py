"""Layers of checkpoints merged into one, and put over another template, on a real engine (B37, B74)."""

import hashlib
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import pytest

from services.compute.docker.engine import Engine
from services.compute.docker.image_layers import layers_of
from services.compute.docker.layer_merge import merge
from services.compute.docker.layering import COMMENT, CheckpointImages
from services.compute.protocol import CheckpointMissing
from tests.docker.engine import URL
from tests.docker.tiny_image import docker, tiny_image, tool_command

pytestmark = pytest.mark.docker
PYTHON = tool_command()[0]
ROUNDS, CHANGES = 12, 30
BY_ENGINE = {"dev", "proc", "sys", "etc", ".dockerenv"}
"""What an engine makes anew in each container."""
WORK = r"""
import os, random, shutil, sys
random.seed(int(sys.argv[1]))
ROOTS = ["/workspace", "/template", "/etc"]
def paths(kind):
    found = [os.path.join(d, n) for r in ROOTS for d, ds, fs in os.walk(r) for n in (ds if kind == "dir" else fs)]
    found = [p for p in found if kind == "file" or not os.path.islink(p)]
    return sorted(p for p in found if not p.startswith(("/etc/hosts", "/etc/resolv", "/etc/hostname")))
def directory():
    return random.choice([*ROOTS[:2], *(p for p in paths("dir") if p.startswith(tuple(ROOTS[:2])))])
def new():
    return os.path.join(directory(), random.choice("abcdefgh") + random.choice(["", " ü", "." + "x" * 120]))
def write():
    p = new()
    if not os.path.lexists(p): open(p, "w").write(str(random.random()))
def change():
    p = random.choice(paths("file"))
    if os.path.isfile(p) and not os.path.islink(p) and not p.startswith("/etc"): open(p, "a").write("+")
def delete():
    p = random.choice([p for p in paths("file") if not p.startswith("/etc")] or [""])
    if p: os.remove(p)
def make():
    p = new()
    if not os.path.lexists(p): os.mkdir(p)
def drop():
    p = directory()
    if p not in ROOTS: shutil.rmtree(p)
def remake():
    p = directory()
    if p not in ROOTS:
        shutil.rmtree(p); os.mkdir(p); open(p + "/again", "w").write("1")
def retype():
    p = directory()
    if p not in ROOTS: shutil.rmtree(p); open(p, "w").write("now a file")
def untype():
    p = random.choice([p for p in paths("file") if not p.startswith("/etc")] or [""])
    if p: os.remove(p); os.mkdir(p)
def link():
    p, q = random.choice([p for p in paths("file") if not p.startswith("/etc")] or [""]), new()
    if p and not os.path.lexists(q): os.link(p, q, follow_symlinks=False)
def symlink():
    p = new()
    if not os.path.lexists(p): os.symlink("/template/" + random.choice("abc"), p)
def mode():
    p = random.choice([*paths("file"), *paths("dir")])
    if not os.path.islink(p): os.chmod(p, random.choice([0o600, 0o755, 0o4755, 0o1777]))
def fifo():
    p = new()
    if not os.path.lexists(p): os.mkfifo(p)
for _ in range(int(sys.argv[2])):
    random.choice([write, write, change, delete, make, make, drop, remake, retype, untype, link, symlink, mode, fifo])()
"""


class ImageSeries:
    """The images of one test, which are removed with it."""

    def __init__(self) -> None:
        self.repository = f"studiograph-test/layers-{uuid4().hex[:8]}"
        self.names: list[str] = []

    def name(self) -> str:
        self.names.append(f"{self.repository}:{len(self.names)}")
        return self.names[-1]

    def after(self, base: str, *command: str, comment: str = COMMENT) -> str:
        """The image of a container of `base` that ran the command."""
        container = docker("create", "--entrypoint", command[0], base, *command[1:])
        try:
            started = subprocess.run(["docker", "start", "--attach", container], capture_output=True, check=False)
            assert started.returncode == 0, started.stderr.decode()
            name = self.name()
            docker("commit", "--message", comment, container, name)
        finally:
            docker("rm", container)
        return name


@pytest.fixture
def images() -> Iterator[ImageSeries]:
    made = ImageSeries()
    yield made
    for name in reversed(made.names):
        subprocess.run(["docker", "rmi", name], capture_output=True, check=False)


@pytest.fixture
async def layering() -> Any:
    engine = Engine(URL)
    yield CheckpointImages(engine)
    await engine.close()


@contextmanager
def exported(image: str) -> Iterator[tarfile.TarFile]:
    container = docker("create", "--entrypoint", "/bin/sh", image)
    try:
        with subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE) as process:
            with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
                yield archive
            assert process.stdout is not None
            process.stdout.read()
    finally:
        docker("rm", container)


def tree(image: str) -> dict[str, tuple[Any, ...]]:
    """Each path of the image with all that can be seen of it; files that are one file have the same group."""
    paths: dict[str, tuple[Any, ...]] = {}
    groups: dict[str, list[str]] = {}
    with exported(image) as archive:
        for info in archive:
            content = archive.extractfile(info) if info.isreg() else None
            digest = hashlib.sha256(content.read()).hexdigest() if content else None
            target = info.linkname if info.issym() else None
            groups.setdefault(info.linkname if info.islnk() else info.name, []).append(info.name)
            changed = None if info.name.partition("/")[0] in BY_ENGINE else int(info.mtime)
            paths[info.name] = (info.type, info.mode, info.uid, info.gid, changed, target, digest)
    for first, names in groups.items():
        shared = paths[first]
        for name in names:
            paths[name] = (*shared, tuple(sorted(names)))
    return paths


def inspect(image: str) -> dict[str, Any]:
    inspected: dict[str, Any] = json.loads(docker("image", "inspect", image))[0]
    return inspected


def template(images: ImageSeries, *, env: str = "V=1") -> str:
    prepare = "import os; [os.makedirs('/template/%s/%s' % (a, b)) for a in 'abc' for b in 'xy']; " + (
        "[open('/template/%s/%s/file' % (a, b), 'w').write(a + b) for a in 'abc' for b in 'xy']"
    )
    base = images.after(tiny_image(), PYTHON, "-c", prepare, comment="")
    container = docker("create", "--entrypoint", "/bin/sh", base)
    name = images.name()
    docker("commit", "--change", f"ENV {env} S='a b'", "--change", "LABEL a=b", "--change", "EXPOSE 8000", container, name)
    docker("rm", container)
    return name


@pytest.mark.behaviour("B37")
@pytest.mark.parametrize("seed", [1, 2])
async def test_a_flattened_checkpoint_shows_exactly_the_same_files(layering: CheckpointImages, images: ImageSeries, seed: int) -> None:
    start = checkpoint = template(images)
    for number in range(ROUNDS):
        checkpoint = images.after(checkpoint, PYTHON, "-c", WORK, str(seed + number), str(CHANGES))
    target = images.name()
    saved = await layering.flatten(checkpoint, target)
    below = layers_of(inspect(start))
    assert len(layers_of(inspect(checkpoint))) > len(below) + ROUNDS // 2
    assert layers_of(inspect(target))[:-1] == below
    assert tree(target) == tree(checkpoint)
    assert inspect(target)["Config"] == inspect(checkpoint)["Config"]
    assert (saved.reference, saved.digest) == (target, inspect(target)["Id"])
    again = images.after(target, PYTHON, "-c", WORK, "7", "5")
    twice = images.name()
    await layering.flatten(again, twice)
    assert tree(twice) == tree(again)
    assert len(layers_of(inspect(twice))) == len(below) + 1


@pytest.mark.behaviour("B74")
async def test_what_a_session_added_is_put_over_another_template(layering: CheckpointImages, images: ImageSeries) -> None:
    old, new = template(images), template(images, env="V=2")
    new = images.after(new, PYTHON, "-c", "open('/template/a/new', 'w').write('2'); open('/template/b/x/file', 'w').write('2')", comment="")
    own = "import os, shutil; open('/workspace/mine', 'w').write('1'); os.remove('/template/a/x/file'); shutil.rmtree('/template/c')"
    checkpoint = images.after(images.after(old, PYTHON, "-c", own), PYTHON, "-c", "open('/workspace/more', 'w').write('1')")
    target = images.name()
    await layering.rebase(checkpoint, new, target)
    result = tree(target)
    assert {"workspace/mine", "workspace/more", "template/a/new"} <= result.keys()
    assert not {"template/a/x/file", "template/c", "template/c/x/file"} & result.keys()
    assert result["template/b/x/file"] == tree(new)["template/b/x/file"]
    assert inspect(target)["Config"] == inspect(new)["Config"]
    assert layers_of(inspect(target))[:-1] == layers_of(inspect(new))


@pytest.mark.behaviour("B37")
async def test_a_merge_that_is_killed_leaves_no_file(
    layering: CheckpointImages, images: ImageSeries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = images.after(template(images), PYTHON, "-c", "open('/workspace/mine', 'w').write('1')")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    files: list[list[Path]] = []

    def look_and_merge(layers: Sequence[IO[bytes]], target: IO[bytes]) -> None:
        files.append(list(tmp_path.iterdir()))
        merge(layers, target)

    monkeypatch.setattr("services.compute.docker.layering.merge", look_and_merge)
    await layering.flatten(checkpoint, images.name())
    assert files == [[]]


@pytest.mark.behaviour("B37")
async def test_an_image_that_is_gone_is_reported_as_missing(layering: CheckpointImages, images: ImageSeries) -> None:
    with pytest.raises(CheckpointMissing):
        await layering.flatten(f"{images.repository}:none", f"{images.repository}:target")


@pytest.mark.behaviour("B37")
async def test_a_checkpoint_without_changes_becomes_its_template_again(layering: CheckpointImages, images: ImageSeries) -> None:
    start = template(images)
    checkpoint = images.after(start, "/bin/sh", "-c", ":")
    target = images.name()
    saved = await layering.flatten(checkpoint, target)
    assert (layers_of(inspect(target)), saved.size) == (layers_of(inspect(start)), 0)
