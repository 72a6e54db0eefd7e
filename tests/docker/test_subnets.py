"""Which subnets are free; no engine needed."""

from ipaddress import IPv4Network
from itertools import islice
from pathlib import Path

import pytest

from services.compute.docker import routes
from services.compute.docker.engine import Engine
from services.compute.docker.networks import Networks
from services.domain.session_name import SessionName

NAME = SessionName("0" * 32, "5" * 32, "abcdefghjkmn", 1)
ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
tun0\t0000D50A\t00000000\t0001\t0\t0\t0\t0080FFFF\t0\t0\t0
"""
"""A default route, which is nobody's, and 10.213.0.0/17."""


def test_routes_of_the_machine_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "route").write_text(ROUTES)
    monkeypatch.setattr(routes, "ROUTE_TABLE_FILE", tmp_path / "route")
    assert routes.uplinks() == {"eth0"}
    used = routes.networks()
    assert used == [IPv4Network("10.213.0.0/17")]
    free = list(Networks(Engine("unix:///none"), "e", IPv4Network("10.213.0.0/16")).free_subnets(NAME, used))
    assert len(free) == len(set(free)) == 2048
    assert all(subnet.subnet_of(IPv4Network("10.213.128.0/17")) for subnet in free)


def test_a_machine_without_routes_to_read_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "ROUTE_TABLE_FILE", tmp_path / "none")
    assert routes.networks() == []
    assert routes.uplinks() == set()


def test_neighbours_begin_at_different_places() -> None:
    made = Networks(Engine("unix:///none"), "e", IPv4Network("10.213.0.0/16"))
    names = [SessionName("0" * 32, "5" * 32, "abcdefghjkmn", number) for number in range(20)]
    assert len({next(islice(made.free_subnets(name, []), 1)) for name in names}) > 18
