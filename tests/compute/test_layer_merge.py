"""Layers merged into one, told by the tars alone (B37): what engines of other storage drivers write, too. tests/docker tries a real one."""

import tarfile
from collections.abc import Mapping
from io import BytesIO
from time import process_time
from typing import IO

import pytest

from services.compute.docker.layer_merge import merge

DIRECTORY = None
"""In a layer: the path is a directory."""


def layer(members: Mapping[str, str | None], links: Mapping[str, str] | None = None) -> IO[bytes]:
    """The tar of a layer with files of this content, directories, and hard links."""
    file = BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for path, content in members.items():
            info = tarfile.TarInfo(path)
            info.type, info.size = (tarfile.DIRTYPE, 0) if content is DIRECTORY else (tarfile.REGTYPE, len(content.encode()))
            tar.addfile(info, BytesIO((content or "").encode()))
        for path, target in (links or {}).items():
            info = tarfile.TarInfo(path)
            info.type, info.linkname = tarfile.LNKTYPE, target
            tar.addfile(info)
    return file


def merged(*layers: IO[bytes]) -> list[str]:
    target = BytesIO()
    merge(layers, target)
    target.seek(0)
    with tarfile.open(fileobj=target) as tar:
        return tar.getnames()


@pytest.mark.behaviour("B37")
def test_nothing_shows_through_a_directory_that_replaced_a_file() -> None:
    lower, middle, upper = layer({"a": DIRECTORY, "a/old": "1"}), layer({"a": "a file"}), layer({"a": DIRECTORY, "a/new": "2"})
    assert merged(lower, middle, upper) == merged(middle, upper) == ["a", "a/.wh..wh..opq", "a/new"]


@pytest.mark.behaviour("B37")
def test_thousands_of_hard_links_cost_no_more_than_as_many_files() -> None:
    count = 8_000
    files = {f"cache/{number}": "" for number in range(count)}
    links = {f"packages/{number}": f"cache/{number}" for number in range(count)}
    alone, linked = layer(files | dict.fromkeys(links, "")), layer(files, links)
    began = process_time()
    merged(alone)
    without_links = process_time() - began
    merged(linked)
    assert process_time() - began < 4 * without_links


@pytest.mark.behaviour("B37")
def test_a_link_to_what_its_layer_lacks_is_an_error_that_names_both() -> None:
    with pytest.raises(tarfile.ReadError, match="packages/a is a hard link to cache/a, which its layer does not have"):
        merged(layer({}, {"packages/a": "cache/a"}))
