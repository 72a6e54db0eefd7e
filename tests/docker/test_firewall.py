"""What keeps sessions from the host is put in place, each part of it is looked for, and what is missing is told."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.compute.docker import firewall, routes
from tests.docker.filtered import IPTABLES, Machine, machine, needs_namespaces, program

SESSION = "sgr-one"
NOWHERE = ("INPUT", "-i", "sgt-nothing+", "-j", "DROP")
THERE = firewall.RULES[0]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """With a session on it."""
    with machine(tmp_path, monkeypatch) as made:
        made.attach(SESSION, "10.9.1.1", "10.9.1.2")
        yield made


@needs_namespaces
@pytest.mark.parametrize("rules", [(NOWHERE, THERE), (THERE, NOWHERE), (THERE, ("NO-SUCH-CHAIN", "-j", "DROP"))])
async def test_every_rule_counts(host: Machine, monkeypatch: pytest.MonkeyPatch, rules: tuple[tuple[str, ...], ...]) -> None:
    await firewall.close_host([])
    assert await firewall.why_open([], local=True) is None
    monkeypatch.setattr(firewall, "RULES", rules)
    told = await firewall.why_open([], local=True)
    assert told
    assert "not in the packet filter" in told


@needs_namespaces
async def test_a_rule_that_was_removed_is_told_and_comes_back_once(host: Machine) -> None:
    await firewall.close_host([])
    before = host.run(IPTABLES, "-t", "mangle", "-S")
    host.run(IPTABLES, "-t", "mangle", "-D", "FORWARD", "-i", firewall.INTERFACES, "-o", "docker0", "-j", "DROP")
    assert "-o docker0 -j DROP" in (await firewall.why_open([], local=True) or "")
    for _ in range(2):
        await firewall.close_host([])
    assert await firewall.why_open([], local=True) is None
    assert sorted(host.run(IPTABLES, "-t", "mangle", "-S").splitlines()) == sorted(before.splitlines())


@needs_namespaces
async def test_what_others_let_through_lets_no_session_through(host: Machine) -> None:
    """A rule for everybody's port, put before all others in the filter, as many set-up guides have it."""
    await firewall.close_host([])
    host.run(IPTABLES, "-I", "INPUT", "-p", "tcp", "--dport", "80", "-j", "ACCEPT")
    assert not await host.reaches(SESSION, "10.9.1.1", 80)
    assert await host.reaches("", "10.9.1.2", 80)


@needs_namespaces
@pytest.mark.parametrize("bridge", ["docker0", "br-0123456789ab", "sgr-two", "docker_gwbridge", "backend"])
async def test_no_bridge_of_an_engine_is_reached_by_whatever_name(host: Machine, bridge: str) -> None:
    host.attach(bridge, "10.9.2.1", "10.9.2.2")
    assert await host.reaches(SESSION, "10.9.2.2", 80)
    await firewall.close_host(["docker0", "docker_gwbridge", "backend", SESSION])
    assert await firewall.why_open(["backend"], local=True) is None
    assert not await host.reaches(SESSION, "10.9.2.2", 80)


@needs_namespaces
@pytest.mark.parametrize("uplink", ["br-lan", "backbone"])
async def test_the_way_out_stays_open_where_it_is_a_bridge(host: Machine, monkeypatch: pytest.MonkeyPatch, uplink: str) -> None:
    """Also where an engine's network is on that bridge."""
    monkeypatch.setattr(routes, "uplinks", lambda: {uplink})
    for bridge, gateway, address in ((uplink, "10.9.2.1", "10.9.2.2"), ("br-0123456789ab", "10.9.3.1", "10.9.3.2")):
        host.attach(bridge, gateway, address)
    await firewall.close_host([uplink, "br-0123456789ab"])
    assert await firewall.why_open([uplink, "br-0123456789ab"], local=True) is None
    assert await host.reaches(SESSION, "10.9.2.2", 80)
    assert not await host.reaches(SESSION, "10.9.3.2", 80)


@needs_namespaces
@pytest.mark.parametrize("address", ["169.254.169.254", "100.100.100.200", "168.63.129.16"])
async def test_clouds_tell_a_session_names_and_nothing_else(host: Machine, address: str) -> None:
    host.attach("eth0", address.rpartition(".")[0] + ".1", address)
    assert await host.reaches(SESSION, address, 80)
    await firewall.close_host([])
    assert not await host.reaches(SESSION, address, 80)
    assert await host.reaches(SESSION, address, 53)


@needs_namespaces
async def test_a_bridge_with_a_name_is_missed_by_that_name(host: Machine) -> None:
    await firewall.close_host(["br-something", "sgr-two"])
    assert await firewall.why_open(["br-other", "docker0", "sgr-three"], local=True) is None
    assert "-o backend -j DROP" in (await firewall.why_open(["backend"], local=True) or "")


async def test_a_filter_that_hangs_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(firewall, "LIMIT_SECONDS", 0.3)
    program(tmp_path, "exec sleep 60", monkeypatch)
    await firewall.close_host([])
    assert "iptables did not say" in (await firewall.why_open([], local=True) or "")


async def test_a_program_that_cannot_be_run_leaves_the_host_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    program(tmp_path, "", monkeypatch)
    (tmp_path / "iptables").write_text("#!/no/such/interpreter\n")
    await firewall.close_host([])
    assert "not in the packet filter" in (await firewall.why_open([], local=True) or "")


async def test_a_busy_filter_gets_no_rule_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody says whether a rule is there, adding it at each check would have no end."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    program(tmp_path, f'case "$*" in *" -C "*) exit 4;; esac; echo "$*" >>{tmp_path}/added', monkeypatch)
    await firewall.close_host([])
    assert not (tmp_path / "added").exists()


async def test_a_server_that_may_not_change_the_filter_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    told = await firewall.why_open([], local=True)
    assert told
    assert "it needs root and iptables" in told


async def test_an_engine_elsewhere_is_not_vouched_for() -> None:
    told = await firewall.why_open([], local=False)
    assert told
    assert "cannot see" in told
