"""The settings of a process, read from environment variables (prefix STUDIOGRAPH_). No other module reads them."""

import ipaddress
from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv4Network
from pathlib import Path
from typing import Annotated, Self

from pydantic import AliasChoices, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.conda.channels import ChannelPolicy
from services.domain.time_policy import TimePolicy

Seconds = Annotated[int, Field(gt=0)]
CHANNELS = ChannelPolicy()
DEFAULTS = TimePolicy()
"""The limits that have a setting take their default from here."""


def _seconds(duration: timedelta) -> int:
    return int(duration.total_seconds())


class Role(StrEnum):
    """The role of a process. Every role but `all` needs PostgreSQL, since SQLite serves one process."""

    ALL = "all"
    API = "api"
    CONTROLLER = "controller"
    PROXY = "proxy"


class Settings(BaseSettings):
    """The settings of a process. `make docs` writes docs/settings.md from the descriptions."""

    model_config = SettingsConfigDict(env_prefix="STUDIOGRAPH_", extra="ignore", populate_by_name=True)

    database_url: str = Field(
        default="",
        pattern=r"^$|^sqlite:///|^postgres(ql)?(\+asyncpg)?://",
        description="`postgresql://user@host/name`, or empty for SQLite in the data directory.",
    )
    data_dir: Path = Field(default=Path(".studiograph"), description="Where the database, sessions, checkpoints and keys live.")
    host: str = Field(default="127.0.0.1", description="The address to listen on. `0.0.0.0` lets other machines in: put TLS in front.")
    port: int = Field(default=8000, ge=0, le=65535, description="The port to listen on; 0 takes a free one.")
    public_url: str = Field(default="", description="The address that browsers use for this server, when it is not `http://HOST:PORT`.")
    connect_domain: str = Field(
        default="",
        description="Sessions get the origins `a<id>.<this>` and `s<id>.<this>`. Empty: `localhost:PORT`. In production its own domain.",
    )
    secret_key: str = Field(
        default="", repr=False, description="The key that seals secrets at rest (Fernet). Empty: a file in the data directory, made once."
    )
    metrics_address: str = Field(
        default="",
        pattern=r"^$|^(\[[0-9a-fA-F:.]+\]|[^:\s]+):\d{1,5}$",
        description="`HOST:PORT` where `/metrics` needs no token, as `127.0.0.1:9464`; whoever reaches it reads it. Empty: none.",
    )
    page: bool = Field(default=True, description="Serve the page at `/`.")
    explorer: bool = Field(default=True, description="Serve GraphiQL at `/explore`.")
    process_compute: bool = Field(
        default=True,
        description="Allow compute environments of the kind `process`: sessions are processes of the server's user, without isolation.",
    )
    docker_url: str = Field(
        default="unix:///var/run/docker.sock",
        validation_alias=AliasChoices("STUDIOGRAPH_DOCKER_URL", "DOCKER_HOST"),
        description="The Docker Engine of compute environments of the kind `docker` that name none themselves. `DOCKER_HOST` is read too.",
    )
    docker_subnets: IPv4Network = Field(
        default=IPv4Network("10.213.0.0/16"),
        description="What the networks of Docker sessions are taken from, 16 addresses each. Choose one that nothing else uses: "
        "the server takes no connection out of it.",
    )
    images_dir: Path | None = Field(
        default=None,
        description="Where further recipes of images are: a directory with a Dockerfile for each. The provided ones need none.",
    )
    image_base: str = Field(
        default="",
        description="The image that provided images are built from: one of Debian 12, which suits all of them; some can be built from any "
        "Debian or Ubuntu. Empty: public images of Python and Debian.",
    )
    image_certificates: Path | None = Field(
        default=None,
        description="A file of certificate authorities that built images trust besides the usual ones, as behind a proxy that opens TLS.",
    )
    conda: bool = Field(
        default=True,
        description="Let Studios have Conda packages. Their builds run code of packages that users choose, outside of any session.",
    )
    conda_channels: str = Field(
        default=",".join(CHANNELS.default),
        description="The Conda channels of environments that name none, separated by commas; the first has precedence.",
    )
    conda_base_url: str = Field(
        default=CHANNELS.base_url,
        pattern=r"^(https?|file)://[^\s@?#]+$",
        description="The address below which Conda channels with a name are: that of a mirror, where there is one. Builds must reach it.",
    )
    conda_allowed_channels: str = Field(
        default="",
        description="The names and addresses of channels that Conda environments may use, separated by commas. Empty: every name and every "
        "https address.",
    )
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$", description="debug, info, warning or error.")
    log_format: str = Field(
        default="text", pattern="^(text|json)$", description="`text` for people, `json` for machines: one object a line."
    )
    access_log: bool = Field(default=False, description="Log each HTTP request.")
    pool_size: int = Field(default=10, ge=1, description="Connections to PostgreSQL that each process keeps; twice as many under load.")
    anonymous_connections: int = Field(
        default=4000,
        ge=0,
        description="Connections whose clients have not authenticated, at most; over it the oldest is closed. 0: no bound.",
    )
    anonymous_connections_per_address: int = Field(
        default=1000,
        ge=0,
        description="The same for each address (of IPv6: each /64 network). Behind a reverse proxy all clients have the proxy's address: "
        "let it bound them, and set this to 0. 0: no bound.",
    )
    message_memory_mib: int = Field(
        default=128,
        ge=64,
        description="The memory, in MiB, that unfinished WebSocket messages of and for sessions take together. Over it, the connection "
        "that holds most is closed (1013). Clients without a session share an eighth of as much again.",
    )
    shutdown_seconds: Seconds = Field(
        default=8,
        description="How long open requests may take to end when the server stops, and after them mutations whose clients are gone.",
    )
    start_deadline_seconds: Seconds = Field(
        default=_seconds(DEFAULTS.start_deadline), description="A Studio that has not become RUNNING by then is ERRORED (START_TIMEOUT)."
    )
    build_deadline_seconds: Seconds = Field(
        default=_seconds(DEFAULTS.build_deadline), description="An image that is not built by then has failed to build."
    )
    stop_deadline_seconds: Seconds = Field(
        default=_seconds(DEFAULTS.stop_deadline),
        description="A session that is not saved by then, though its compute environment answers, is kept as it is (SAVE_FAILED).",
    )
    force_stop_seconds: Seconds = Field(
        default=_seconds(DEFAULTS.force_stop_delay), description="A Studio that starts or stops for so long may be stopped by force."
    )
    checkpoint_interval_seconds: Seconds = Field(
        default=_seconds(DEFAULTS.checkpoint_interval), description="Between two saves of a running session; a workspace may say otherwise."
    )
    event_retention_days: int = Field(
        default=DEFAULTS.event_retention.days,
        ge=1,
        description="How long events, and what sessions printed, are kept; streams resumed from before then are told to resync.",
    )

    @model_validator(mode="after")
    def _absolute(self) -> Self:
        self.data_dir = self.data_dir.expanduser().absolute()
        return self

    @property
    def database(self) -> str:
        """The URL of the database, with the default filled in."""
        return self.database_url or f"sqlite:///{self.data_dir / 'studiograph.db'}"

    @property
    def is_sqlite(self) -> bool:
        return self.database.startswith("sqlite")

    def public_address(self, port: int) -> str:
        """The address of the API for browsers, given the actual port of the listening socket; without a final slash."""
        return self.public_url.rstrip("/") or f"http://{_browsable(self.host)}:{port}"

    def connect_address(self, port: int) -> str:
        """The domain (with port, if any) under which sessions have their origins."""
        return self.connect_domain or f"localhost:{port}"


def _browsable(host: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        return "127.0.0.1"
    return f"[{host}]" if address.version == 6 else host
