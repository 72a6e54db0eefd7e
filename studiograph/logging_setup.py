"""Logs to standard error: lines for people, or one JSON object a line for machines."""

import logging
import sys
from datetime import UTC, datetime
from typing import Any

import orjson

LIBRARIES = ("alembic", "asyncio", "aiosqlite", "aiohttp", "uvicorn", "websockets", "sqlalchemy")
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


class JsonLines(logging.Formatter):
    """Time, level, logger, message, what was given as `extra`, and the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{key: value for key, value in vars(record).items() if key not in STANDARD},
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


CUT_OFF = ("ASGI callable returned without completing response.", "ASGI callable returned without completing handshake.")


class NoCutOffs(logging.Filter):
    """Leaves out what uvicorn calls an error: responses that we break off, since their reader took nothing or their tool broke, and
    WebSockets whose client left while the tool was asked."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.msg not in CUT_OFF


class WithoutQuery(logging.Filter):
    """Cuts queries off what uvicorn logs of a request: one-time codes travel there."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(arg.partition("?")[0] if isinstance(arg, str) else arg for arg in record.args)
        return True


def configure(level: str, style: str, *, requests: bool = False) -> None:
    """Set up the root logger; libraries speak up from warnings on, unless `level` is debug. `requests`: a line for each."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonLines() if style == "json" else logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")
    )
    logging.getLogger("uvicorn.error").addFilter(NoCutOffs())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    if level != "debug":
        for name in LIBRARIES:
            logging.getLogger(name).setLevel(logging.WARNING)
    access = logging.getLogger("uvicorn.access")
    access.addFilter(WithoutQuery())
    access.setLevel(logging.INFO if requests else logging.WARNING)
