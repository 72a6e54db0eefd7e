"""What a test asks about the networks of sessions: their subnets, and whether this machine can close itself to them."""

import ipaddress
import json

from services.compute.docker import naming
from services.compute.protocol import Report
from services.domain.session_name import SessionName
from tests import needs
from tests.docker.tiny_image import docker


def subnet(name: SessionName) -> ipaddress.IPv4Network:
    [network] = json.loads(docker("network", "inspect", naming.network(name)))
    return ipaddress.IPv4Network(network["IPAM"]["Config"][0]["Subnet"])


def require_closed(report: Report) -> None:
    """Skip where this machine cannot keep sessions from itself; where the docker tests are required, that is a failure."""
    open_to = [warning for warning in report.warnings if "Sessions can reach" in warning]
    if open_to:
        needs.lacking("docker", f"this machine cannot close itself: {open_to}")
