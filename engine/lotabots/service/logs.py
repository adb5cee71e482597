"""The service's log: one line per event of its own life, with fields, on standard error."""

from __future__ import annotations

import json
import logging
from typing import Final

_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class Fields(logging.Formatter):
    """``time level event key=value ...``; values are JSON, so that a line stays a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        extra = {name: value for name, value in vars(record).items() if name not in _OWN}
        if record.exc_info:
            extra["exception"] = self.formatException(record.exc_info)
        fields = "".join(
            f" {name}={json.dumps(value, default=str)}" for name, value in sorted(extra.items())
        )
        time = self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z")
        return f"{time} {record.levelname.lower()} {record.getMessage()}{fields}"


def configure(level: int = logging.WARNING) -> None:
    """Log to standard error from now on."""
    handler = logging.StreamHandler()
    handler.setFormatter(Fields())
    logging.basicConfig(level=level, handlers=[handler], force=True)
