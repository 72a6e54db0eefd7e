"""What images are built from: the same bytes for the same content, and a company's certificates where they are given."""

import io
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from services.compute.docker import recipes
from services.compute.docker.recipe_book import RecipeBook
from services.compute.docker.recipes import IMAGES, RECIPES, REQUIREMENTS, context, packed, reference
from services.compute.process import jupyterlab
from services.compute.protocol import ComputeFailed
from tests.docker.built import base_image
from tests.docker.tiny_image import run
from tests.project.conftest import ROOT

CERTIFICATE = b"-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"


def names(archive: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        return opened.getnames()


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_context_has_all_that_its_dockerfile_copies(recipe: str) -> None:
    file_names = names(context(recipe))
    assert {"Dockerfile", "trust"} <= set(file_names)
    assert file_names == sorted(file_names)
    for line in (IMAGES / recipe / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY ") and "--from=" not in line:
            sources = [word.rstrip("/") for word in line.split()[1:-1] if "[" not in word]
            assert all(any(name == source or name.startswith(f"{source}/") for name in file_names) for source in sources), line


@pytest.mark.parametrize("recipe", RECIPES)
def test_no_file_of_a_recipe_names_a_host(recipe: str) -> None:
    """Packages come from where the machine that builds is set up to find them."""
    named = {name for name, data in RECIPES[recipe].files().items() if b"://" in data}
    assert not named


@pytest.mark.parametrize("recipe", RECIPES)
def test_what_pip_installs_has_hashes(recipe: str) -> None:
    for line in RECIPES[recipe].files()["Dockerfile"].decode().splitlines():
        assert "pip install" not in line or "--require-hashes --no-deps -r" in line


@pytest.mark.parametrize(("recipe", "package"), [("xpra", "xpra=3.1.3-*"), ("r-ide", "r-base-core=4.2.2.*")])
def test_debian_packages_of_a_tool_have_the_version_of_its_templates(recipe: str, package: str) -> None:
    assert f"'{package}'" in RECIPES[recipe].files()["Dockerfile"].decode()
    assert package.partition("=")[2].startswith(RECIPES[recipe].version)


def test_rstudio_has_the_same_r_so_that_both_are_recommended() -> None:
    dockerfile = (IMAGES / "rstudio/Dockerfile").read_text()
    assert f"ARG RSTUDIO=rocker/rstudio:{RECIPES['r-ide'].version}\n" in dockerfile
    assert "rstudio" not in RECIPES


def test_code_server_is_a_package_of_one_hash_and_has_the_version_of_its_vs_code() -> None:
    line = RECIPES["vscode"].files()["code-server.sha256"].decode()
    match = re.fullmatch(r"[0-9a-f]{64}  code-server-4([0-9.]+)\.tgz\n", line)
    assert match
    assert RECIPES["vscode"].version == f"1{match[1]}"


def test_a_recipe_has_the_files_of_the_one_that_it_extends_but_for_its_own() -> None:
    extended, own = RECIPES["jupyter"].files(), RECIPES["r-ide"].files()
    assert {name for name, data in extended.items() if own.get(name) != data} == {"Dockerfile"}


def test_a_context_does_not_depend_on_where_and_how_the_files_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = context("jupyter")
    shutil.copytree(IMAGES, tmp_path / "images", copy_function=shutil.copyfile)
    for path in (tmp_path / "images").rglob("*"):
        path.chmod(0o777)
    monkeypatch.setattr(recipes, "IMAGES", tmp_path / "images")
    assert context("jupyter") == here


def test_programs_are_programs_and_belong_to_root() -> None:
    with tarfile.open(fileobj=io.BytesIO(packed({"start": b"#!/bin/sh\n", "notes": b"#\n"}))) as opened:
        assert [(member.name, member.mode, member.uid, member.mtime) for member in opened] == [
            ("notes", 0o644, 0, 0),
            ("start", 0o755, 0, 0),
        ]


def test_a_recipe_of_ones_own_is_called_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "tool").mkdir()
    (tmp_path / "tool/Dockerfile").write_text("FROM scratch\n")
    first = RecipeBook(own=tmp_path).reference("tool")
    assert first.startswith("studiograph/tool:")
    assert RecipeBook("debian:bookworm", own=tmp_path).reference("tool") != first
    (tmp_path / "tool/Dockerfile").write_text("FROM scratch\nCMD true\n")
    assert RecipeBook(own=tmp_path).reference("tool") != first
    assert RecipeBook(own=tmp_path).reference("jupyter") == reference("jupyter", "")
    with pytest.raises(ComputeFailed, match="no recipe 'other'"):
        RecipeBook(own=tmp_path).reference("other")


def test_certificates_are_in_the_context_only_when_given() -> None:
    assert recipes.CERTIFICATES not in names(context("jupyter"))
    assert recipes.CERTIFICATES in names(context("jupyter", certificates=CERTIFICATE))


def test_another_content_or_base_is_another_image() -> None:
    plain = reference("jupyter", "")
    assert plain.startswith("studiograph/jupyter:4.6.6-")
    assert len({plain, reference("jupyter", "debian:bookworm"), reference("jupyter", "", certificates=CERTIFICATE)}) == 3


def test_a_recipe_that_there_is_none_of_names_those_there_are() -> None:
    with pytest.raises(ComputeFailed, match="There is no recipe 'r'; there is jupyter"):
        context("r")


def test_processes_and_containers_install_jupyterlab_from_one_list() -> None:
    assert jupyterlab.REQUIREMENTS == REQUIREMENTS
    assert RECIPES["jupyter"].shared["requirements.txt"] == REQUIREMENTS / f"jupyterlab-{RECIPES['jupyter'].version}.txt"


def test_make_lists_the_images_and_gets_their_contexts() -> None:
    command = [sys.executable, "-m", "services.compute.docker.recipes"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode().split()
    assert listed == [f"{recipe.name}:{recipe.version}" for recipe in RECIPES.values()]
    assert subprocess.run([*command, listed[0]], cwd=ROOT, capture_output=True, check=True).stdout == context("jupyter")


@pytest.mark.docker
@pytest.mark.slow
async def test_given_certificates_are_trusted_once(tmp_path: Path) -> None:
    """One that the store has already, one that it has not, twice, and with the line ends of another system."""
    own = authority(tmp_path)
    script = """
        known=/etc/ssl/certs/ca-certificates.crt; before=$(grep -c BEGIN $known)
        mkdir /build && cp /given/trust /build/
        { sed '/END/q' $known; echo '# Acme'; sed 's/$/\\r/' /given/own.pem; cat /given/own.pem; } >/build/certificates.crt
        sh /build/trust && sh /build/trust
        echo $(($(grep -c BEGIN $known) - before)) $(ls /usr/local/share/ca-certificates)
    """
    mounts = ["--volume", f"{IMAGES / 'trust'}:/given/trust:ro", "--volume", f"{own}:/given/own.pem:ro"]
    printed = await run("run", "--rm", "--network", "none", *mounts, await base_image(), "sh", "-ec", script)
    assert printed.splitlines()[-1] == "1 given-1.crt"


def authority(directory: Path) -> Path:
    """A certificate that nobody trusts yet."""
    own = directory / "own.pem"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Acme Proxy", "-keyout", str(directory / "key")]
    subprocess.run([*words, "-out", str(own)], check=True, capture_output=True)
    return own
