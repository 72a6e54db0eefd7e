"""What keeps sessions from the host is put in place, each part of it is looked for, and what is missing is told."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.compute.docker import firewall, routes
from tests.docker.filtered import IPTABLES, Machine, machine, program

SESSION = "sgr-one"
NOWHERE = ("INPUT", "-i", "sgt-nothing+", "-j", "DROP")
THERE = firewall.RULES[0]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """With a session on it."""
    with machine(tmp_path, monkeypatch) as made:
        made.attach(SESSION, "10.9.1.1", "10.9.1.2")
        yield made


@pytest.mark.parametrize("rules", [(NOWHERE, THERE), (THERE, NOWHERE), (THERE, ("NO-SUCH-CHAIN", "-j", "DROP"))])
async def test_every_rule_counts(host: Machine, monkeypatch: pytest.MonkeyPatch, rules: tuple[tuple[str, ...], ...]) -> None:
    await firewall.why_open([], close=True)
    assert await firewall.why_open([], close=False) is None
    monkeypatch.setattr(firewall, "RULES", rules)
    reason = await firewall.why_open([], close=False)
    assert reason
    assert "not in the packet filter" in reason


async def test_a_rule_that_was_removed_is_told_and_comes_back_once(host: Machine) -> None:
    await firewall.why_open([], close=True)
    before = host.run(IPTABLES, "-t", "mangle", "-S")
    host.run(IPTABLES, "-t", "mangle", "-D", "FORWARD", "-i", firewall.INTERFACES, "-o", "docker0", "-j", "DROP")
    assert "-o docker0 -j DROP" in (await firewall.why_open([], close=False) or "")
    for _ in range(2):
        await firewall.why_open([], close=True)
    assert await firewall.why_open([], close=False) is None
    assert sorted(host.run(IPTABLES, "-t", "mangle", "-S").splitlines()) == sorted(before.splitlines())


async def test_what_others_let_through_lets_no_session_through(host: Machine) -> None:
    """A rule for everybody's port, put before all others in the filter, as many set-up guides have it."""
    await firewall.why_open([], close=True)
    host.run(IPTABLES, "-I", "INPUT", "-p", "tcp", "--dport", "80", "-j", "ACCEPT")
    assert not await host.reaches(SESSION, "10.9.1.1", 80)
    assert await host.reaches("", "10.9.1.2", 80)


@pytest.mark.parametrize("bridge", ["docker0", "br-0123456789ab", "sgr-two", "docker_gwbridge", "backend"])
async def test_no_bridge_of_an_engine_is_reached_by_whatever_name(host: Machine, bridge: str) -> None:
    host.attach(bridge, "10.9.2.1", "10.9.2.2")
    assert await host.reaches(SESSION, "10.9.2.2", 80)
    await firewall.why_open(["docker0", "docker_gwbridge", "backend", SESSION], close=True)
    assert await firewall.why_open(["backend"], close=False) is None
    assert not await host.reaches(SESSION, "10.9.2.2", 80)


@pytest.mark.parametrize("uplink", ["br-lan", "backbone"])
async def test_the_way_out_stays_open_where_it_is_a_bridge(host: Machine, monkeypatch: pytest.MonkeyPatch, uplink: str) -> None:
    """Also where an engine's network is on that bridge."""
    monkeypatch.setattr(routes, "uplinks", lambda: {uplink})
    for bridge, gateway, address in ((uplink, "10.9.2.1", "10.9.2.2"), ("br-0123456789ab", "10.9.3.1", "10.9.3.2")):
        host.attach(bridge, gateway, address)
    await firewall.why_open([uplink, "br-0123456789ab"], close=True)
    assert await firewall.why_open([uplink, "br-0123456789ab"], close=False) is None
    assert await host.reaches(SESSION, "10.9.2.2", 80)
    assert not await host.reaches(SESSION, "10.9.3.2", 80)


@pytest.mark.parametrize("address", ["169.254.169.254", "100.100.100.200", "168.63.129.16"])
async def test_clouds_tell_a_session_names_and_nothing_else(host: Machine, address: str) -> None:
    host.attach("eth0", address.rpartition(".")[0] + ".1", address)
    assert await host.reaches(SESSION, address, 80)
    await firewall.why_open([], close=True)
    assert not await host.reaches(SESSION, address, 80)
    assert await host.reaches(SESSION, address, 53)


async def test_a_bridge_with_a_name_is_missed_by_that_name(host: Machine) -> None:
    await firewall.why_open(["br-something", "sgr-two"], close=True)
    assert await firewall.why_open(["br-other", "docker0", "sgr-three"], close=False) is None
    assert "-o backend -j DROP" in (await firewall.why_open(["backend"], close=False) or "")


async def test_a_filter_that_hangs_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(firewall, "IPTABLES_TIMEOUT_SECONDS", 0.3)
    program(tmp_path, "exec sleep 60", monkeypatch)
    await firewall.why_open([], close=True)
    assert "iptables did not say" in (await firewall.why_open([], close=False) or "")


async def test_a_program_that_cannot_be_run_leaves_the_host_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    program(tmp_path, "", monkeypatch)
    (tmp_path / "iptables").write_text("#!/no/such/interpreter\n")
    await firewall.why_open([], close=True)
    assert "not in the packet filter" in (await firewall.why_open([], close=False) or "")


async def test_a_busy_filter_gets_no_rule_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody says whether a rule is there, adding it at each check would have no end."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    program(tmp_path, f'case "$*" in *" -C "*) exit 4;; esac; echo "$*" >>{tmp_path}/added', monkeypatch)
    await firewall.why_open([], close=True)
    assert not (tmp_path / "added").exists()


async def test_a_server_that_may_not_change_the_filter_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    reason = await firewall.why_open([], close=False)
    assert reason
    assert "it needs root and iptables" in reason
