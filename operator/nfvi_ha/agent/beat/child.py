"""The probes process, seen from the beat process: started, listened to, started again."""

import os
import signal
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from nfvi_ha.agent.beat.poller import READ, Poller
from nfvi_ha.agent.ipc import BEAT_FD_VARIABLE, Channel, pair

FIRST_BACKOFF_SECONDS: Final = 0.2
MAX_BACKOFF_SECONDS: Final = 10.0
PROVEN_SECONDS: Final = 30.0
"""After so long without an end the back-off starts over."""
SILENT_SECONDS: Final = 3.0
"""It says something each second; after so long without, its probes count as down."""
HUNG_SECONDS: Final = 15.0
"""After so long it is killed."""
START_SECONDS: Final = 120.0
"""Unless it has just been started: on a host that boots, with everything starting at once, that may take long."""


class ProbesProcess:
    """At most one child. Nothing here blocks but ``stop``."""

    def __init__(
        self,
        command: Sequence[str],
        poller: Poller,
        heard: Callable[[dict[str, Any]], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._command = list(command)
        self._monotonic = monotonic
        self._poller = poller
        self._heard = heard
        self._channel: Channel | None = None
        self._backoff = FIRST_BACKOFF_SECONDS
        self._started_at = 0.0
        self._heard_at: float | None = None
        self._told = False
        self.pid = 0
        """0 while there is none."""
        self.start_at = 0.0
        self.starts = 0
        self.bad_messages = 0
        self.leaving = False
        """We are on our way out: one that ends is not started again."""

    def down(self, now: float) -> bool:
        """Whether what it said of faults must not be taken as the present state."""
        return not self._told or self._heard_at is None or now - self._heard_at > SILENT_SECONDS

    def tick(self, now: float) -> None:
        """Reap, kill if it hangs, start again when it is time."""
        self._reap(now)
        if self.pid and self._hangs(now):
            os.kill(self.pid, signal.SIGKILL)
        if not self.pid and not self.leaving and now >= self.start_at:
            self._start(now)

    def send(self, message: dict[str, Any]) -> bool:
        """Send; False if there is nobody who takes it."""
        return self._channel is not None and self._channel.send(message)

    def receive(self, now: float) -> None:
        """Take all messages that are there."""
        while self._channel is not None:
            try:
                message = self._channel.receive()
            except EOFError:
                self._hang_up()
                return
            except ValueError:
                self.bad_messages += 1
                continue
            if message is None:
                return
            self._heard_at = now
            self._told = self._told or "faults" in message
            self._heard(message)

    def stop(self, seconds: float, wait: Callable[[float], None]) -> None:
        """End it: asked first, killed when it has not ended after ``seconds``."""
        if self.pid:
            os.kill(self.pid, signal.SIGTERM)
            wait(seconds)
            self._reap(0.0)
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0
        self._hang_up()

    def reaped(self) -> bool:
        """Whether it is gone."""
        self._reap(0.0)
        return not self.pid

    def _hangs(self, now: float) -> bool:
        if self._heard_at is None:
            return now - self._started_at > START_SECONDS
        return now - self._heard_at > HUNG_SECONDS

    def _start(self, now: float) -> None:
        ours, theirs = pair()
        theirs.set_inheritable(True)
        environment = {**os.environ, BEAT_FD_VARIABLE: str(theirs.fileno())}
        try:
            # No handler of ours and no real-time scheduling goes along: exec and SCHED_RESET_ON_FORK see to it.
            self.pid = os.posix_spawn(self._command[0], self._command, environment)
        except OSError:
            ours.close()
            self._ended(now)
            return
        finally:
            theirs.close()
        self.starts += 1
        self._started_at, self._heard_at, self._told = now, None, False
        self._channel = Channel(ours)
        self._poller.watch(ours.fileno(), READ, self._readable)

    def _readable(self) -> None:
        self.receive(self._monotonic())

    def _reap(self, now: float) -> None:
        # Whoever is process 1 of a pod gets orphans of others, too.
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.pid:
                self._ended(now)

    def _ended(self, now: float) -> None:
        self.pid = 0
        self._told = False
        self._hang_up()
        if now - self._started_at > PROVEN_SECONDS:
            self._backoff = FIRST_BACKOFF_SECONDS
        self.start_at = now + self._backoff
        self._backoff = min(self._backoff * 2, MAX_BACKOFF_SECONDS)

    def _hang_up(self) -> None:
        self._told = False
        if self._channel is not None:
            self._poller.forget(self._channel.fileno())
            self._channel.close()
            self._channel = None
