"""Every service of a running server, built once by the composition root and passed in."""

from dataclasses import dataclass

from services.addresses import Addresses
from services.commands import CommandRunner
from services.connect_codes import ConnectCodes
from services.live.bells import Bells
from services.live.broker import Broker
from services.live.meters import Meters
from services.live.sentinel import Sentinel
from services.members import Members
from services.people import People
from services.policy import Policy
from services.presence import Presence
from services.store.database import Database
from services.store.wakeups import Wakeups
from services.studios.checkpoints import Checkpoints
from services.studios.studios import Studios
from services.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Services:
    """What resolvers and the data plane call. Nothing here keeps state that a restart would miss."""

    database: Database
    wakeups: Wakeups
    runner: CommandRunner
    tokens: Tokens
    members: Members
    people: People
    studios: Studios
    checkpoints: Checkpoints
    broker: Broker
    sentinel: Sentinel
    meters: Meters
    bells: Bells
    connect_codes: ConnectCodes
    presence: Presence
    addresses: Addresses
    policy: Policy
