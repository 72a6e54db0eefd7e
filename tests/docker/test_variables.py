"""A session gets the variables of its image and its Studio as `docker run --env` would pass them, whatever shell is in between."""

import json
from collections.abc import Mapping

import pytest

from services.compute.docker import env_vars
from tests.compute.world import World, ask_json
from tests.docker.images import variant
from tests.docker.tiny_image import tool_command

pytestmark = pytest.mark.docker
BASH = 'RUN ["/bin/bash", "-c", "cat /bin/bash >/bin/sh"]'
OF_IMAGE = {
    "my.dotted": "1 2",
    "with-dash": "it's",
    "-x": "",
    "OPTIND": "none",
    "PS1": "$ ",
    "IFS": ":",
    "SHLVL": "7",
    "PWD": "/nowhere",
    "_": "below",
    "SHELLOPTS": "xtrace",
    "PLAIN": "é",
}
OF_STUDIO = {
    "UID": "4711",
    "EUID": "root",
    "PPID": "none",
    "SECONDS": "soon",
    "RANDOM": "4",
    "GROUPS": "a",
    "BASHOPTS": "extdebug",
    "IFS": "xyz",
    "OPTIND": "later",
    "LC_ALL": "nowhere_XX",
    "BASH_ENV": "/nowhere",
    "_studiograph": "mine",
    "PATH": "/nowhere",
    "SEVERAL": "lines\nof 'quoted' $text\n#studiograph-loaded\n",
}


@pytest.mark.parametrize("shell", ["dash", "bash"])
async def test_no_variable_is_lost_or_changed_for_the_shells_sake(world: World, shell: str) -> None:
    world.image = variant(f"variables-{shell}", *([BASH] if shell == "bash" else []), *_lines(OF_IMAGE))
    upstream = await world.start(world.name(), **OF_STUDIO)
    got, expected = await ask_json(upstream, "/env"), {**OF_IMAGE, **OF_STUDIO}
    assert {name: got.get(name) for name in expected} == expected
    assert (await world.compute.tail(world.name(), 2000)).splitlines() == [b"tiny is starting", b"tiny listens"]


async def test_a_program_with_an_equals_sign_in_its_name_is_no_variable(world: World) -> None:
    python, *words = tool_command()
    program = f"{python.rpartition('/')[0]}/a=b"
    link = f'RUN ["{python}", "-c", "import os; os.symlink(\'{python}\', \'{program}\')"]'
    world.image = variant("equals", link, f"CMD {json.dumps([program, *words])}", "ENV my.dotted=1")
    upstream = await world.start(world.name())
    assert (await ask_json(upstream, "/env"))["my.dotted"] == "1"


def test_a_secret_is_in_no_arguments_for_its_image_having_a_dotted_name() -> None:
    """Arguments can be seen by all on the engine's machine, and so can those of a program that is about to become another."""
    lines = env_vars.script({"TOKEN": "sesame"}, {"Env": ["my.dotted=1"], "Cmd": ["tool"]}).decode().splitlines()
    assert [line for line in lines if "sesame" in line] == ["export TOKEN=sesame"]


def _lines(variables: Mapping[str, str]) -> list[str]:
    quoted = {name: value.replace("$", "\\$") for name, value in variables.items()}
    return [f'ENV {name}="{value}"' for name, value in quoted.items()]
