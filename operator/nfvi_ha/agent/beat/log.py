"""Log lines of the beat process, like those of the others, that can never make it wait."""

import json
import select
import sys
import time
from typing import Any, Final

_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_LOGGER: Final = "nfvi_ha.agent.beat"
_PIPE_BUF: Final = 4096
"""A pipe that can be written takes so many bytes without waiting."""


class Log:
    """Writes lines to stderr while somebody reads it; otherwise counts them as lost."""

    def __init__(self, level: str, form: str) -> None:
        self._least = _LEVELS.get(level.lower(), 20)
        self._json = form == "json"
        self._poll = select.poll()
        self._poll.register(sys.stderr.fileno(), select.POLLOUT)
        self.lost = 0

    def info(self, message: str, **extras: Any) -> None:
        """Part of the story."""
        self._write("info", message, extras)

    def warning(self, message: str, **extras: Any) -> None:
        """Somebody should look at it."""
        self._write("warning", message, extras)

    def _write(self, level: str, message: str, extras: dict[str, Any]) -> None:
        if _LEVELS[level] < self._least:
            return
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z"
        if self._json:
            fields = {"ts": stamp, "level": level.upper(), "logger": _LOGGER, "msg": message, **extras}
            line = json.dumps(fields, default=str)
        else:
            words = " ".join(f"{key}={value}" for key, value in extras.items())
            line = f"{stamp[11:23]} {level.upper():<7} {message} {words}".rstrip()
        ready = self._poll.poll(0)
        if not ready or not ready[0][1] & select.POLLOUT:
            self.lost += 1
            return
        sys.stderr.write(line[: _PIPE_BUF - 1] + "\n")
        sys.stderr.flush()
