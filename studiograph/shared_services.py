"""Opens the services that every role needs: database, wake-ups, event broker, revocation, presence. Closed in reverse order."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta

from services.connections.addresses import Addresses
from services.connections.presence import Presence
from services.domain.time_policy import TimePolicy
from services.live.broker import Broker
from services.live.log_history import LogHistory, boot_id
from services.live.output_signals import OutputSignals
from services.live.revocation import RevocationWatcher
from services.live.stats_feed import StatsFeed
from services.runtime import metrics
from services.runtime.event_loop_delay import EventLoopDelay
from services.secrets.installation import ensure_installation, require_key
from services.secrets.secret_box import CannotOpen, SecretBox
from services.store.db.database import Database
from services.store.db.wakeups import Wakeups
from studiograph.operator_errors import OperatorError
from studiograph.private_files import installation_key
from studiograph.settings import Settings
from studiograph.web.exposition import MetricsText

LOG_WITNESS_FILE = "log_origin"
"""The name of a file in the data directory that records which run of a server last used the SQLite database."""
WRONG_KEY = "The secret key is not the one that this database's secrets were encrypted with."
KEY_ADVICE = (
    "Give every process of the installation the same key: STUDIOGRAPH_SECRET_KEY, or the file secret.key in the data directory. "
    "If that key is lost: `studiograph replace-key`."
)


@dataclass(frozen=True, slots=True)
class SharedServices:
    """Started services that roles share; `key` is the installation's secret key. Closed with the stack that they were opened on."""

    database: Database
    installation: str
    key: str
    box: SecretBox
    policy: TimePolicy
    wakeups: Wakeups
    broker: Broker
    revocation_watcher: RevocationWatcher
    stats_feed: StatsFeed
    output_signals: OutputSignals
    presence: Presence
    addresses: Addresses
    exposition: MetricsText


async def open_shared_services(settings: Settings, port: int, stack: AsyncExitStack) -> SharedServices:
    """Connects to the database and starts the services; `port` is that of the listening socket.

    Raises OperatorError for settings that cannot work.
    """
    key, addresses = secret_key(settings), _addresses(settings, port)
    box = SecretBox(key)
    database = Database(settings.database, pool_size=settings.pool_size)
    stack.push_async_callback(database.close)
    installation = await ensure_installation(database)
    await database.synchronize_clock()
    await _require_key(database, box)
    history = LogHistory(database, settings.data_dir / LOG_WITNESS_FILE, boot_id=boot_id())
    await history.open()
    stack.push_async_callback(history.close)
    wakeups = Wakeups(database)
    await wakeups.start()
    stack.push_async_callback(wakeups.close)
    history.watch(wakeups)
    broker = Broker(database, wakeups)
    await broker.start()
    stack.push_async_callback(broker.close)
    revocation_watcher = RevocationWatcher(broker, database)
    await revocation_watcher.start()
    stack.push_async_callback(revocation_watcher.close)
    stats_feed = StatsFeed(database, wakeups)
    await stats_feed.start()
    stack.push_async_callback(stats_feed.close)
    output_signals = OutputSignals(wakeups)
    output_signals.start()
    stack.callback(output_signals.close)
    presence = Presence(database)
    delay = EventLoopDelay()
    delay.start()
    stack.callback(delay.close)
    return SharedServices(
        database,
        installation,
        key,
        box,
        policy(settings),
        wakeups,
        broker,
        revocation_watcher,
        stats_feed,
        output_signals,
        presence,
        addresses,
        _exposition(database, broker, presence),
    )


def _exposition(database: Database, broker: Broker, presence: Presence) -> MetricsText:
    exposition = MetricsText(database)
    exposition.read_at_scrape(metrics.EVENT_FEEDS, lambda: len(broker.streams))
    exposition.read_at_scrape(metrics.EVENT_SUBSCRIBERS, lambda: broker.subscriber_count)
    exposition.read_at_scrape(metrics.QUEUED_EVENTS, lambda: broker.queued_events)
    exposition.read_at_scrape(metrics.TABS, lambda: presence.tab_count)
    return exposition


def policy(settings: Settings) -> TimePolicy:
    """Returns the limits that the settings give; limits without a setting keep their defaults."""
    return TimePolicy(
        start_deadline=timedelta(seconds=settings.start_deadline_seconds),
        build_deadline=timedelta(seconds=settings.build_deadline_seconds),
        force_stop_delay=timedelta(seconds=settings.force_stop_seconds),
        stop_deadline=timedelta(seconds=settings.stop_deadline_seconds),
        checkpoint_interval=timedelta(seconds=settings.checkpoint_interval_seconds),
        event_retention=timedelta(days=settings.event_retention_days),
    )


def secret_key(settings: Settings) -> str:
    """Returns the secret key of this server. Raises OperatorError."""
    try:
        return installation_key(settings.data_dir, settings.secret_key)
    except ValueError as error:
        advice = "Restore the right one; `studiograph doctor` names the places where it is read from."
        raise OperatorError(f"the secret key is not a key: {error}. {advice}") from error


async def _require_key(database: Database, box: SecretBox) -> None:
    try:
        await require_key(database, box)
    except CannotOpen as error:
        raise OperatorError(f"{WRONG_KEY} {KEY_ADVICE}") from error


def _addresses(settings: Settings, port: int) -> Addresses:
    try:
        return Addresses(settings.public_address(port), settings.connect_address(port))
    except ValueError as error:
        raise OperatorError(f"{error}. Check STUDIOGRAPH_PUBLIC_URL and STUDIOGRAPH_CONNECT_DOMAIN.") from error
