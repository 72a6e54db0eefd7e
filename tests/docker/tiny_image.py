"""An image of `tests/tools/tiny.py` made from this machine's own files: its Python, a shell and their libraries. Needs no network.

Run it as `python -m tests.docker.tiny_image` to make the image by hand. It is made once for each content (5 s, 60 MB).
"""

import asyncio
import hashlib
import io
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path

TINY = Path(__file__).parents[1] / "tools" / "tiny.py"
REPOSITORY = "studiograph-test/tiny"
PROGRAMS = ("sh", "cat", "sleep", "id", "head", "touch", "rm", "ls", "dd", "env", "nice", "bash", "mv")
LEFT_OUT = re.compile(r"/(test|tests|idlelib|tkinter|ensurepip|site-packages|dist-packages|lib2to3|turtledemo|config-[^/]*)(/|$)")
LIBRARY = re.compile(r"(/\S+) \(0x")
PASSWD = "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/workspace:/bin/sh\n"


def docker(*words: str, data: bytes | None = None, host: str | None = None) -> str:
    """Run the client; its output."""
    address = ["-H", host] if host else []
    return subprocess.run(["docker", *address, *words], input=data, capture_output=True, check=True).stdout.decode().strip()


async def run(*words: str) -> str:
    """`docker`, without holding up the loop; its output, and its error output when it fails."""
    process = await asyncio.create_subprocess_exec("docker", *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return output.decode().strip()


@cache
def tiny_image(host: str | None = None) -> str:
    """The reference of the image on the engine (the default one, or that of `host`)."""
    reference = f"{REPOSITORY}:{_digest()}"
    if not docker("images", "-q", reference, host=host):
        import_image(reference, rootfs(), tool_command(), host=host, variables={"TINY_HOST": "0.0.0.0"})
    return reference


def import_image(
    reference: str,
    archive: bytes,
    command: Iterable[str],
    *,
    host: str | None = None,
    variables: dict[str, str] | None = None,
    more: Iterable[str] = (),
) -> None:
    words = ",".join(f'"{word}"' for word in command)
    lines = [f"CMD [{words}]", "WORKDIR /workspace", *(f"ENV {name}={value}" for name, value in (variables or {}).items()), *more]
    changes = [part for line in lines for part in ("--change", line)]
    docker("import", *changes, "-", reference, data=archive, host=host)


def tool_command() -> list[str]:
    return [str(_python()), "-I", "/opt/tiny.py"]


@cache
def rootfs() -> bytes:
    """A tar of what a Python program needs to run."""
    libraries = Path(sysconfig.get_path("stdlib"))
    files = {path: path for path in libraries.rglob("*") if path.is_file() and not LEFT_OUT.search(str(path))}
    files[_python()] = _python().resolve()
    files |= {Path("/bin", name): Path(program).resolve() for name in PROGRAMS if (program := shutil.which(name))}
    binaries = [path for path in files.values() if path.suffix == ".so" or path.parent.name in ("bin", "sbin")]
    files |= {path: path.resolve() for path in _libraries(binaries)}
    files[Path("/opt/tiny.py")] = TINY
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, mode in (("tmp", 0o1777), ("workspace", 0o777), ("root", 0o755)):
            _add(archive, name, mode)
        for path, source in files.items():
            archive.add(source, str(path).lstrip("/"), recursive=False)
        _add(archive, "etc/passwd", 0o644, PASSWD.encode())
    return buffer.getvalue()


def _add(archive: tarfile.TarFile, name: str, mode: int, data: bytes | None = None) -> None:
    info = tarfile.TarInfo(name)
    info.mode, info.type, info.size = mode, tarfile.REGTYPE if data is not None else tarfile.DIRTYPE, len(data or b"")
    archive.addfile(info, io.BytesIO(data or b""))


def _python() -> Path:
    """The interpreter itself, not a virtual environment's link to it."""
    return Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")


def _libraries(binaries: Iterable[Path]) -> set[Path]:
    output = subprocess.run(["ldd", *map(str, binaries)], capture_output=True, check=False).stdout.decode()
    return {Path(path) for path in LIBRARY.findall(output)}


def _digest() -> str:
    return hashlib.sha256(sys.version.encode() + Path(__file__).read_bytes() + TINY.read_bytes()).hexdigest()[:12]


if __name__ == "__main__":
    print(tiny_image())  # noqa: T201 - what it is run for
