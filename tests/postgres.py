"""A private PostgreSQL for one run of the tests: no password, no TCP port, no fsync, gone at the end."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from tests.needs import postgres_programs

START_LIMIT_SECONDS = 60
FAST = ("listen_addresses=", "fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=300", "autovacuum=off")
END_OTHERS = """SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running server; `directory` holds its socket."""

    directory: Path

    def url(self, name: str) -> str:
        return f"postgresql://postgres@/{name}?host={self.directory}"

    async def connect(self, name: str = "postgres") -> asyncpg.Connection:
        return await asyncpg.connect(host=str(self.directory), user="postgres", database=name)

    async def run(self, statement: str) -> None:
        """One statement outside any transaction, on the maintenance database."""
        connection = await self.connect()
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    async def create(self, name: str) -> None:
        await self.run(f"CREATE DATABASE {name} TEMPLATE template0")

    async def empty(self, name: str, tables: Sequence[str]) -> None:
        """Disconnect everybody else and delete all rows; `tables` in an order that their references allow."""
        connection = await self.connect(name)
        try:
            await connection.execute(END_OTHERS)
            await connection.execute(";".join(f'DELETE FROM "{table}"' for table in tables))
        finally:
            await connection.close()

    async def drop(self, name: str) -> None:
        await self.run(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Start a server in a directory of its own; stop it and remove the directory at the end."""
    with cluster_directory() as directory, server(directory) as cluster:
        yield cluster


@contextmanager
def cluster_directory() -> Iterator[Path]:
    """A directory with a cluster in `data` that no server runs on yet."""
    programs = _programs()
    directory = Path(tempfile.mkdtemp(prefix="sg-pg-"))
    try:
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(directory, "postgres", "postgres")
        data = directory / "data"
        initdb = [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8", "--locale=C.UTF-8"]
        subprocess.run([*_as_postgres(), *map(str, initdb)], check=True, capture_output=True, cwd=directory)
        yield directory
    finally:
        shutil.rmtree(directory)


def make_standby(directory: Path) -> None:
    """Let the next server of this cluster begin as a standby, which takes over when it is promoted."""
    (directory / "data" / "standby.signal").touch()


@contextmanager
def server(directory: Path) -> Iterator[Cluster]:
    """Run a server on the cluster."""
    programs = _programs()
    options = [word for setting in (*FAST, f"unix_socket_directories={directory}") for word in ("-c", setting)]
    command = [*_as_postgres(), str(programs / "postgres"), "-D", str(directory / "data"), *options]
    with (directory / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log, cwd=directory) as process:
        try:
            _wait(programs, directory, process)
            yield Cluster(directory)
        finally:
            process.send_signal(signal.SIGQUIT)
            process.wait()


def _programs() -> Path:
    programs = postgres_programs()
    assert programs, "tests marked `postgres` do not get here without its programs"
    return programs


def _as_postgres() -> list[str]:
    """Run what follows as the user `postgres` when we are root, and have it end with us even if we are killed."""
    setpriv = shutil.which("setpriv")
    if not setpriv:
        return []
    user = ["--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    return [setpriv, "--pdeathsig=QUIT", *user]


def _wait(programs: Path, directory: Path, server: "subprocess.Popen[bytes]") -> None:
    ready = [str(programs / "pg_isready"), "-q", "-h", str(directory)]
    for _ in range(START_LIMIT_SECONDS * 20):
        if subprocess.run(ready, check=False).returncode == 0:
            return
        with suppress(subprocess.TimeoutExpired):
            server.wait(0.05)
            break
    raise RuntimeError(f"PostgreSQL did not start: {(directory / 'log').read_text()}")
