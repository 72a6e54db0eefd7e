"""Run inside a session: tries what it must not be able to do, and prints what came of it as JSON. See `test_isolation`.

Given (as JSON): `address` and `port` of something to reach, `foreign` = another session's address, `link` = an IPv6 address of the host.
"""

# ruff: noqa: T201 - it runs alone, in whatever Python an image has

import ctypes
import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

SECONDS = 0.5
GIVEN = json.loads(sys.argv[1])
LIBC = ctypes.CDLL(None, use_errno=True)
NEW_USER, NEW_NETWORK, ATTACH = 0x10000000, 0x40000000, 16
FREEBIND, TRANSPARENT = 15, 19
MEMORY = Path("/sys/fs/cgroup/memory/more" if Path("/sys/fs/cgroup/memory").is_dir() else "/sys/fs/cgroup/more")
KEYCTL, BPF = (250, 321) if os.uname().machine == "x86_64" else (219, 280)


def connect(address: str, port: int) -> None:
    socket.create_connection((address, port), SECONDS).close()


def ask(address: str, port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.settimeout(SECONDS)
        made.sendto(b"anybody?", (address, port))
        made.recv(10)


def over_ipv6(address: str, port: int) -> None:
    with socket.socket(socket.AF_INET6) as made:
        made.settimeout(SECONDS)
        made.connect((address, port, 0, socket.if_nametoindex("eth0")))


def as_another(source: str, option: int, address: str, port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.setsockopt(socket.SOL_IP, option, 1)
        made.bind((source, 0))
        made.sendto(b"as another", (address, port))


def call(name: str, *arguments: object) -> None:
    if getattr(LIBC, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def write(path: str) -> None:
    with Path(path).open("w") as file:
        file.write("1")


def enter(path: str) -> None:
    call("setns", os.open(path, os.O_RDONLY), 0)


def others_processes() -> None:
    """A process that is not in our own namespace would have a parent that we do not see."""
    parents = {int(Path(path, "stat").read_text().rpartition(") ")[2].split()[1]) for path in Path("/proc").glob("[0-9]*")}
    if not parents - {0} - {int(path.name) for path in Path("/proc").glob("[0-9]*")}:
        raise ProcessLookupError("only our own")


ATTEMPTS: dict[str, Callable[[], object]] = {
    "the engine's socket": lambda: Path("/var/run/docker.sock").stat(),
    "a cloud's metadata": lambda: connect("169.254.169.254", 80),
    "a raw socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
    "frames (ARP)": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x0300),
    "a ping": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP),
    "forwarding": lambda: write("/proc/sys/net/ipv4/ip_forward"),
    "IPv6 switched on": lambda: write("/proc/sys/net/ipv6/conf/all/disable_ipv6"),
    "a transparent socket": lambda: as_another("198.51.100.1", TRANSPARENT, "198.51.100.2", 9),
    "a mount": lambda: call("mount", b"none", b"/tmp", b"tmpfs", 0, None),
    "a device": lambda: os.mknod("/tmp/disk", 0o60600, os.makedev(8, 0)),
    "the machine's memory": lambda: os.mknod("/tmp/mem", 0o20600, os.makedev(1, 1)),
    "a user namespace": lambda: call("unshare", NEW_USER),
    "a network namespace": lambda: call("unshare", NEW_NETWORK),
    "another namespace": lambda: enter("/proc/1/ns/net"),
    "own processes": lambda: call("ptrace", ATTACH, 1, 0, 0),
    "others' processes": others_processes,
    "sysrq": lambda: write("/proc/sysrq-trigger"),
    "what a crash runs": lambda: write("/proc/sys/kernel/core_pattern"),
    "the kernel's settings": lambda: write("/sys/kernel/mm/transparent_hugepage/enabled"),
    "own limits": lambda: MEMORY.mkdir(),
    "the kernel's log": lambda: call("klogctl", 3, ctypes.create_string_buffer(100), 100),
    "the kernel's keys": lambda: call("syscall", KEYCTL, 0, -3, 1),
    "a program in the kernel": lambda: call("syscall", BPF, 0, 0, 0),
    "the clock": lambda: call("clock_settime", 0, ctypes.create_string_buffer(16)),
    "a restart of the machine": lambda: call("reboot", 0),
    "another name": lambda: socket.sethostname("other"),
}
if "address" in GIVEN:
    where = (GIVEN["address"], GIVEN["port"])
    ATTEMPTS = {f"TCP {where[0]}:{where[1]}": lambda: connect(*where), f"UDP {where[0]}:{where[1]}": lambda: ask(*where)}
    ATTEMPTS["the engine over TCP"] = lambda: connect(where[0], 2375)
if "foreign" in GIVEN:
    ATTEMPTS["another session"] = lambda: connect(GIVEN["foreign"], 8000)
    ATTEMPTS["another session's address as one's own"] = lambda: as_another(GIVEN["foreign"], FREEBIND, *where)
    ATTEMPTS["IPv6 of the host"] = lambda: over_ipv6(GIVEN["link"], where[1])


def tried(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as error:
        return f"{type(error).__name__}: {error}"
    return "done"


print(json.dumps({what: tried(attempt) for what, attempt in ATTEMPTS.items()}))
