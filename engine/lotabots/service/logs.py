"""The service's log: one line per event of its own life, with fields, on standard error."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class Fields(logging.Formatter):
    """``time level event key=value ...``; values are JSON, so that a line stays a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        fields = "".join(
            f" {name}={json.dumps(value, default=str)}"
            for name, value in sorted(_fields(record).items())
        )
        time = self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z")
        return f"{time} {record.levelname.lower()} {record.getMessage()}{fields}"


class Documents(logging.Formatter):
    """A JSON object a line: ``time`` (RFC 3339), ``level``, ``event``, and the fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        at = datetime.fromtimestamp(record.created, UTC)
        always = {
            "time": at.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        return json.dumps(always | _fields(record) | always, default=str)


STYLES: Final = MappingProxyType({"text": Fields, "json": Documents})


def configure(level: int = logging.WARNING, *, style: str = "text") -> None:
    """Log to standard error from now on, in one of `STYLES`."""
    handler = logging.StreamHandler()
    handler.setFormatter(STYLES[style]())
    logging.basicConfig(level=level, handlers=[handler], force=True)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    extra = {name: value for name, value in vars(record).items() if name not in _OWN}
    if record.exc_info:
        extra["exception"] = logging.Formatter().formatException(record.exc_info)
    return extra
