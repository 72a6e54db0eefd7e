"""The container of all services of a running server, which resolvers and the data plane receive."""

from dataclasses import dataclass

from services.checkpoints.commands import Checkpoints
from services.commands import CommandRunner
from services.connections.addresses import Addresses
from services.connections.connect_codes import ConnectCodes
from services.connections.presence import Presence
from services.domain.time_policy import TimePolicy
from services.identity.members import Members
from services.identity.people import People
from services.identity.tokens import Tokens
from services.live.broker import Broker
from services.live.output_signals import OutputSignals
from services.live.revocation import RevocationWatcher
from services.live.stats_feed import StatsFeed
from services.store.db.database import Database
from services.store.db.wakeups import Wakeups
from services.studios.studios import Studios
from services.templates.management import TemplateManagement
from services.workspaces.commands import WorkspaceCommands


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
    templates: TemplateManagement
    workspaces: WorkspaceCommands
    broker: Broker
    revocation_watcher: RevocationWatcher
    stats_feed: StatsFeed
    output_signals: OutputSignals
    connect_codes: ConnectCodes
    presence: Presence
    addresses: Addresses
    policy: TimePolicy
