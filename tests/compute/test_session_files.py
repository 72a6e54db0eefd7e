"""Compares the files of two images in the archive of an engine, without an engine."""

import io
import json
import tarfile
from collections.abc import Mapping
from time import monotonic
from typing import IO

import pytest

from services.compute.docker.session_files import compare_archive

COMMENT = "studiograph checkpoint"
NUMBER = 20_000


def packed(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, content in files.items():
            info = tarfile.TarInfo(path)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def archive_of(images: Mapping[str, list[tuple[str, Mapping[str, bytes]]]]) -> IO[bytes]:
    """An archive with images of named layers. One whose name begins with `own` was added by a session."""
    files: dict[str, bytes] = {}
    manifest = []
    for image, layers in images.items():
        history = [{"comment": COMMENT if name.startswith("own") else ""} for name, _ in layers]
        config = {"rootfs": {"diff_ids": [name for name, _ in layers]}, "history": history}
        files[f"{image}.json"] = json.dumps(config).encode()
        files |= {f"{name}.tar": packed(content) for name, content in layers}
        manifest.append({"Config": f"{image}.json", "Layers": [f"{name}.tar" for name, _ in layers]})
    return io.BytesIO(packed({**files, "manifest.json": json.dumps(manifest).encode()}))


@pytest.mark.behaviour("B74")
def test_a_deletion_that_hides_what_the_new_template_changed_is_a_conflict() -> None:
    old = {"etc/kept": b"1", "etc/gone": b"1", "usr/lib/a": b"1", "usr/lib/b": b"1", "usr/same/x": b"1"}
    new = {**old, "etc/gone": b"2", "usr/lib/c": b"new"}
    own = {"etc/.wh.gone": b"", "usr/.wh.lib": b"", "usr/.wh.same": b"", "usr/mine": b"1"}
    compared = compare_archive(archive_of({"saved": [("old", old), ("own", own)], "next": [("new", new)]}), "saved", "next", COMMENT)
    assert (compared.paths, compared.conflicts) == (("usr/mine",), ("etc/gone", "usr/lib"))


@pytest.mark.behaviour("B74")
def test_a_session_that_deleted_many_files_is_compared_within_seconds() -> None:
    old = {f"usr/old{number}": b"" for number in range(NUMBER)}
    new = {f"usr/new{number}": b"" for number in range(NUMBER)}
    own = {f"usr/.wh.old{number}": b"" for number in range(NUMBER)}
    spool, begun = archive_of({"saved": [("old", old), ("own", own)], "next": [("new", new)]}), monotonic()
    assert compare_archive(spool, "saved", "next", COMMENT).conflicts == ()
    assert monotonic() - begun < 20
