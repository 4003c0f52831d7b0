"""Structured logs: one JSON object a line, or a readable line on a terminal."""

import logging
import sys
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

import orjson

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class LogFormat(StrEnum):
    """How log lines look."""

    JSON = "json"
    TEXT = "text"


def set_up(level: str, log_format: LogFormat) -> None:
    """Send all logs to stderr in that format; kopf's and aiohttp's chatter only from WARNING on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format is LogFormat.JSON else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for noisy in ("kopf", "aiohttp", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


class JsonFormatter(logging.Formatter):
    """``{"ts", "level", "logger", "msg", ...extras}``."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON."""
        fields = {"ts": _stamp(record), "level": record.levelname, "logger": record.name, "msg": record.getMessage()}
        fields |= _extras(record)
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(fields, default=str).decode()


class TextFormatter(logging.Formatter):
    """``12:00:00.123 WARNING msg key=value ...``."""

    def format(self, record: logging.LogRecord) -> str:
        """One readable line (and the trace of an exception)."""
        extras = " ".join(f"{key}={value}" for key, value in _extras(record).items())
        line = f"{_stamp(record)[11:23]} {record.levelname:<7} {record.getMessage()} {extras}".rstrip()
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _stamp(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _extras(record: logging.LogRecord) -> dict[str, Any]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD and not key.startswith("_")}
