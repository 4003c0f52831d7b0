"""How long work tells what it is doing: one call per piece of news, shown as a live line or as plain ones."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

QUIET_SECONDS: Final = 10.0
"""Plain output repeats a step with a new fraction at most this often."""


class ProgressSink(Protocol):
    """Takes the news: a short constant step name, a sentence, and the share done (0..1; None when unknown)."""

    def __call__(self, step: str, message: str, fraction: float | None = None) -> None:
        """Takes one piece of news; may be called from any thread."""


def silent(step: str, message: str, fraction: float | None = None) -> None:
    """A sink for callers who do not want to know."""


@contextmanager
def console_progress(
    stream: TextIO | None = None, *, clock: Callable[[], float] = time.monotonic
) -> Iterator[ProgressSink]:
    """A sink on ``stream`` (stderr by default): a live line on a terminal, else plain lines with elapsed seconds."""
    target = stream if stream is not None else sys.stderr
    if not target.isatty():
        yield PlainProgress(target, clock)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=20), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=target), transient=True) as live:
        yield _LiveProgress(live)


class PlainProgress:
    """One line per step or message: ``[  12 s] build: compiling kube-apiserver (40%)``."""

    def __init__(self, stream: TextIO, clock: Callable[[], float]) -> None:
        self._stream = stream
        self._clock = clock
        self._started = clock()
        self._last: tuple[str, str] = ("", "")
        self._last_at = -QUIET_SECONDS

    def __call__(self, step: str, message: str, fraction: float | None = None) -> None:
        """Prints, unless it is only a new fraction of what was printed a moment ago."""
        now = self._clock() - self._started
        if (step, message) == self._last and now - self._last_at < QUIET_SECONDS:
            return
        self._last, self._last_at = (step, message), now
        share = "" if fraction is None else f" ({fraction:.0%})"
        self._stream.write(f"[{now:4.0f} s] {step}: {message}{share}\n")
        self._stream.flush()


class _LiveProgress:
    def __init__(self, live: Progress) -> None:
        self._live = live
        self._task: TaskID | None = None

    def __call__(self, step: str, message: str, fraction: float | None = None) -> None:
        if self._task is None:
            self._task = self._live.add_task("", total=None)
        total = None if fraction is None else 1.0
        self._live.update(self._task, description=f"{step}: {message}", total=total, completed=fraction or 0.0)
