"""What keeps sessions from the host is looked for, each part of it, and what is missing is told."""

import os
import shutil

import pytest

from services.compute.docker import firewall

needs_filter = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("iptables"), reason="asking the packet filter needs root and iptables"
)
THERE, MISSING = firewall.RULES[0], ("filter", "INPUT", "-i", "sgt-nothing+", "-j", "DROP")


@needs_filter
@pytest.mark.docker
@pytest.mark.parametrize("rules", [(MISSING, THERE), (THERE, MISSING), (THERE, ("filter", "NO-SUCH-CHAIN", "-j", "DROP"))])
async def test_every_rule_counts(monkeypatch: pytest.MonkeyPatch, rules: tuple[tuple[str, ...], ...]) -> None:
    await firewall.close_host()
    assert await firewall.why_open(local=True) is None
    monkeypatch.setattr(firewall, "RULES", rules)
    told = await firewall.why_open(local=True)
    assert told
    assert "not in the packet filter" in told


async def test_a_server_that_may_not_change_the_filter_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    told = await firewall.why_open(local=True)
    assert told
    assert "it needs root and iptables" in told


async def test_an_engine_elsewhere_is_not_vouched_for() -> None:
    told = await firewall.why_open(local=False)
    assert told
    assert "cannot see" in told
