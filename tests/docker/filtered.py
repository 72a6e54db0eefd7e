"""A machine in small, with a packet filter of its own: network namespaces of the kernel, for what must not be tried on this machine's."""

import asyncio
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import needs

IP = shutil.which("ip") or "ip"
IPTABLES = shutil.which("iptables") or "iptables"
SERVE = """import selectors, socket, sys
with selectors.DefaultSelector() as ready:
    for port in (53, 80):
        ready.register(socket.create_server(("0.0.0.0", port)), selectors.EVENT_READ)
    print("ready", flush=True)
    while True:
        for key, _ in ready.select():
            key.fileobj.accept()[0].close()"""
CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 0.5)"


def _namespaces() -> bool:
    """Root in a container mostly may not make them."""
    there = all(map(shutil.which, ("ip", "iptables", "unshare")))
    return os.geteuid() == 0 and there and subprocess.run(["unshare", "--net", "--mount", "true"], check=False).returncode == 0


@dataclass
class Machine:
    """`prefix` begins the names of its namespaces: the machine itself, and one behind each of its interfaces."""

    prefix: str
    servers: list[subprocess.Popen[bytes]]

    def run(self, *words: str, where: str = "") -> str:
        return subprocess.run([*self.inside(where), *words], check=True, capture_output=True, text=True).stdout

    def inside(self, where: str) -> tuple[str, ...]:
        return IP, "netns", "exec", self.prefix + where

    def attach(self, interface: str, gateway: str, address: str) -> None:
        """Something with that address behind an interface; it answers at the ports 53 and 80."""
        subprocess.run([IP, "netns", "add", self.prefix + interface], check=True)
        self.run(IP, "link", "add", interface, "type", "veth", "peer", "name", "eth0", "netns", self.prefix + interface)
        for where, name, own in (("", interface, gateway), (interface, "eth0", address)):
            self.run(IP, "addr", "add", f"{own}/24", "dev", name, where=where)
            self.run(IP, "link", "set", name, "up", where=where)
        self.run(IP, "route", "add", "default", "via", gateway, where=interface)
        self.serve(interface)

    def serve(self, where: str = "") -> None:
        server = subprocess.Popen([*self.inside(where), sys.executable, "-I", "-c", SERVE], stdout=subprocess.PIPE)
        self.servers.append(server)
        assert server.stdout
        assert server.stdout.readline() == b"ready\n"

    async def reaches(self, where: str, address: str, port: int) -> bool:
        words = (*self.inside(where), sys.executable, "-I", "-c", CONNECT, address, str(port))
        process = await asyncio.create_subprocess_exec(*words, stderr=asyncio.subprocess.DEVNULL)
        return await process.wait() == 0


@contextmanager
def machine(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """It forwards, and `iptables` is its own while this lasts."""
    if not _namespaces():
        needs.lacking("docker", "a machine in small needs root, ip, iptables, and to be allowed namespaces")
    made = Machine(f"sgt-{uuid.uuid4().hex[:8]}", [])
    program(directory, f'exec {IP} netns exec {made.prefix} {IPTABLES} "$@"', monkeypatch)
    try:
        subprocess.run([IP, "netns", "add", made.prefix], check=True)
        made.run(IP, "link", "set", "lo", "up")
        made.run("/bin/sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
        made.serve()
        yield made
    finally:
        for server in made.servers:
            server.kill()
            server.communicate()
        for line in subprocess.run([IP, "netns", "list"], check=True, capture_output=True, text=True).stdout.splitlines():
            if line.startswith(made.prefix):
                subprocess.run([IP, "netns", "delete", line.split()[0]], check=True)


def program(directory: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is called `iptables` from now on, in a PATH without the machine's own."""
    path = directory / "iptables"
    path.write_text(f"#!/bin/sh\nPATH={os.environ['PATH']}\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(directory))
