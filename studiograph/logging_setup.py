"""Configures logging to standard error: text lines, or one JSON object per line."""

import logging
import sys
from datetime import UTC, datetime
from typing import Any

import orjson

from services.runtime.outage import ServiceOutage

LIBRARIES = ("alembic", "asyncio", "aiosqlite", "aiohttp", "uvicorn", "websockets", "sqlalchemy")
STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


class JsonLines(logging.Formatter):
    """Formats time, level, logger, message, `extra` fields and the traceback as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{key: value for key, value in vars(record).items() if key not in STANDARD_FIELDS},
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


INCOMPLETE_RESPONSE_MESSAGES = (
    "ASGI callable returned without completing response.",
    "ASGI callable returned without completing handshake.",
)


class DropIncompleteResponses(logging.Filter):
    """Drops uvicorn's errors about responses that the proxy ends early, because their reader is too slow or the tool failed, and about
    WebSockets whose client left before the tool answered."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.msg not in INCOMPLETE_RESPONSE_MESSAGES


class DropQueryStrings(logging.Filter):
    """Removes query strings from uvicorn's access log, because they hold one-time codes."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(arg.partition("?")[0] if isinstance(arg, str) else arg for arg in record.args)
        return True


class SummarizeOutages(logging.Filter):
    """Puts the text of a ServiceOutage in the place of its traceback: a database that does not answer is no mistake in the code."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        outages = _outages(error) if error is not None else ()
        if outages:
            record.msg, record.args = f"{record.getMessage()}: {'; '.join(dict.fromkeys(map(str, outages)))}", ()
            record.exc_info = record.exc_text = None
        return True


def _outages(error: BaseException) -> tuple[ServiceOutage, ...]:
    """Returns the error, or those of a group; nothing if one of them is no ServiceOutage."""
    if isinstance(error, BaseExceptionGroup):
        groups = [_outages(each) for each in error.exceptions]
        return tuple(outage for group in groups for outage in group) if all(groups) else ()
    return (error,) if isinstance(error, ServiceOutage) else ()


def configure(level: str, style: str, *, requests: bool = False) -> None:
    """Configures the root logger. Libraries log warnings and errors only, unless `level` is debug. `requests` logs each HTTP request."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonLines() if style == "json" else logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")
    )
    handler.addFilter(SummarizeOutages())
    logging.getLogger("uvicorn.error").addFilter(DropIncompleteResponses())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    if level != "debug":
        for name in LIBRARIES:
            logging.getLogger(name).setLevel(logging.WARNING)
    access = logging.getLogger("uvicorn.access")
    access.addFilter(DropQueryStrings())
    access.setLevel(logging.INFO if requests else logging.WARNING)
