"""The beat loop: what is done each period, at once for a new fault, and at the end."""

import signal
import socket
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from nfvi_ha.agent.beat.child import ProbesProcess
from nfvi_ha.agent.beat.composer import Composer, Telltale
from nfvi_ha.agent.beat.destinations import Destinations
from nfvi_ha.agent.beat.farewell import Farewell
from nfvi_ha.agent.beat.grid import Grid, LagWatch
from nfvi_ha.agent.beat.host_shutdown import goes_down
from nfvi_ha.agent.beat.intake import BUDGET_PER_PERIOD, Intake
from nfvi_ha.agent.beat.keyring import Keyring
from nfvi_ha.agent.beat.log import Log
from nfvi_ha.agent.beat.poller import READ, Poller
from nfvi_ha.agent.beat.port import Address, Port
from nfvi_ha.agent.beat.probing import Probing
from nfvi_ha.agent.beat.seats import Seats, Worth
from nfvi_ha.agent.beat.status import status
from nfvi_ha.agent.beat.told import Told
from nfvi_ha.agent.beat.voice import Voice
from nfvi_ha.agent.config import AgentConfig
from nfvi_ha.core.wire.answer import Answer
from nfvi_ha.core.wire.beat import Flags
from nfvi_ha.core.wire.frame import cluster_id
from nfvi_ha.core.wire.goodbye import GoodbyeReason
from nfvi_ha.core.wire.probe import ProbeResult, encode_probe_result
from nfvi_ha.scheduling import Scheduling

BURST: Final = 3
BURST_SECONDS: Final = 0.01
SECOND: Final = 1.0
ISOLATED_SECONDS: Final = 3.0
"""Without an answer from any seat for so long, we say that we reach nobody."""
STOP_PROBES_SECONDS: Final = 0.5


class BeatLoop:
    """All of the process but its start. ``run`` returns when it was told to stop and has said goodbye.

    ``probes`` is the command of the probes process.
    """

    def __init__(
        self, config: AgentConfig, probes: Sequence[str], scheduling: Scheduling, *, locked: bool, log: Log
    ) -> None:
        self.config, self.scheduling, self.locked, self.log = config, scheduling, locked, log
        self.boot_id = config.read_boot_id()
        self.poller = Poller()
        self.ports = tuple(Port(number, network) for number, network in enumerate(config.networks))
        self.destinations = Destinations(config.networks)
        self.keys = Keyring(cluster_id(config.cluster) if config.cluster else b"")
        self.seats, self.telltale = Seats(), Telltale()
        self.composer = Composer(config.node, self.boot_id, time.time_ns(), self.keys, self.seats, self.telltale)
        self.voice = Voice(self.composer, self.keys, self.destinations, self.ports)
        self.probing = Probing(config.node, self.ports, self.poller, self.keys, self._send_result)
        self.intake = Intake(config.node, self.keys, self.probing, self._answered)
        self.child = ProbesProcess(probes, self.poller, self._told)
        self.farewell = Farewell(config.goodbye_reason, config.goodbye_seconds)
        self._words = Told(
            self.telltale,
            self.keys,
            self.destinations,
            self.farewell,
            new_fault=self._new_fault,
            new_inventory=self.voice.inventory,
        )
        self.started_at = time.monotonic()
        self.grid = Grid(config.period_ms / 1000, self.started_at)
        self.lags = LagWatch()
        self.errors: Counter[str] = Counter()
        self._second = Grid(SECOND, self.started_at)
        self._burst_left = 0
        self._burst_at = 0.0
        self._probes_down = True
        self._wake, self._woken = socket.socketpair()

    def run(self) -> None:
        """Until told to stop."""
        self._listen_for_signals()
        for problem in self._words.recall(self.config):
            self.log.warning("cache not used", problem=problem)
        self._open_ports(time.monotonic())
        self.log.info(
            "beats start",
            node=self.config.node,
            boot=self.boot_id,
            scheduling=self.scheduling.value,
            locked=self.locked,
            keys=len(self.keys.ids()),
            seats=len(self.destinations.seats),
        )
        while not self._turn(time.monotonic()):
            self.poller.wait(self._next_at() - time.monotonic())
        self._leave()

    def _turn(self, now: float) -> bool:
        """Do what is due; True at the end."""
        turn = self.grid.take(now)
        if turn is not None:
            self.lags.note(turn.lag_seconds, now)
            self._period(now)
        if self._burst_left and now >= self._burst_at:
            self._burst(now)
        if self._second.take(now) is not None:
            self._each_second(now)
        self.probing.expire(now)
        return self.farewell.over(now, self.seats.goodbyes(self.destinations.seats), len(self.destinations.seats))

    def _next_at(self) -> float:
        times = [self.grid.next_at, self._second.next_at]
        if self._burst_left:
            times.append(self._burst_at)
        trial = self.probing.next_at()
        return min(times) if trial is None else min(*times, trial)

    def _period(self, now: float) -> None:
        self.child.tick(now)
        self._note_probes(now)
        self.voice.beat(self.flags(now), self.lags.seconds, now)
        if self.farewell.begun:
            self.voice.goodbye(self.farewell.reason, self.farewell.seconds, now)
        self._refill()

    def _each_second(self, now: float) -> None:
        self._open_ports(now)
        self.voice.inventory()
        self.voice.try_key(self.flags(now), self.lags.seconds, now)
        self.child.send({"status": status(self, now)})

    def flags(self, now: float) -> Flags:
        """What a beat says of us now."""
        last = self.seats.last_answer_at() or self.started_at
        found = Flags(0)
        for flag, there in (
            (Flags.REAL_TIME, self.scheduling is Scheduling.REAL_TIME),
            (Flags.SELF_SLOW, self.lags.slow),
            (Flags.PROBES_DOWN, self.child.down(now)),
            (Flags.NEW_FAULT, self._burst_left > 0),
            (Flags.SPOOLED, self.telltale.spooled),
            (Flags.ISOLATED, bool(self.destinations.seats) and now - last > ISOLATED_SECONDS),
        ):
            if there:
                found |= flag
        return found

    def _new_fault(self) -> None:
        """Three beats, the first of them now: we are called from within the wait."""
        self._burst_left = BURST
        self._burst(time.monotonic())

    def _burst(self, now: float) -> None:
        self.voice.beat(self.flags(now), self.lags.seconds, now)
        self._burst_left -= 1
        self._burst_at = now + BURST_SECONDS

    def _refill(self) -> None:
        """A new period has a new budget; ports that were left unread under a flood are read again."""
        exhausted = self.intake.budget <= 0
        self.intake.budget = BUDGET_PER_PERIOD
        if exhausted:
            self.errors["Flood"] += 1
            for port in self.ports:
                if port.socket is not None:
                    self._watch(port)

    def _open_ports(self, now: float) -> None:
        for port in self.ports:
            if port.socket is not None and port.moved():
                self.log.info("our address is another one", network=port.network.name, former=port.address)
                self.poller.forget(port.socket.fileno())
                self.probing.network_down(port)
                port.close()
            if port.socket is None and now >= port.try_at:
                if port.open(now):
                    self._watch(port)
                    self.probing.network_up(port)
                    self.log.info("network is up", network=port.network.name, address=port.address)
                elif port.errors.total() == 1:
                    self.log.warning("network not usable yet", network=port.network.name, errors=dict(port.errors))

    def _watch(self, port: Port) -> None:
        if port.socket is not None:
            self.poller.watch(port.socket.fileno(), READ, lambda: self._drain(port))

    def _drain(self, port: Port) -> None:
        self.intake.drain(port)
        if self.intake.budget <= 0:
            for each in self.ports:
                if each.socket is not None:
                    self.poller.forget(each.socket.fileno())

    def _answered(self, answer: Answer, now: float) -> None:
        worth, sent = self.seats.take(answer, self.composer.incarnation, self.composer.history, now)
        if worth is Worth.AHEAD:
            # Signed with our key, so an earlier life of ours had that number: this host's clock went back.
            self.composer.incarnation = answer.incarnation + 1
            self.seats.new_incarnation()
            self.log.warning("clock went back; incarnation steps over the former", incarnation=answer.incarnation + 1)
        if sent is None:
            self.errors[f"Answer{worth.name.title()}"] += 1
            return
        self.keys.answered(sent.key_id, answer.seat, now)
        if answer.episode > self.telltale.episode:
            self.telltale.episode = answer.episode
            self.child.send({"episode": answer.episode})
        recorded = {"upto": answer.recorded_upto, "bitmap": answer.recorded_bitmap}
        self.child.send({"answered": {"seat": answer.seat, "generation": sent.generation, **recorded}})

    def _told(self, message: dict[str, Any]) -> None:
        try:
            self._words.take(message)
        except (KeyError, TypeError, ValueError) as error:
            self.errors["BadMessage"] += 1
            self.log.warning("message of the probes process not understood", error=str(error))

    def _note_probes(self, now: float) -> None:
        down = self.child.down(now)
        if down != self._probes_down:
            self._probes_down = down
            (self.log.warning if down else self.log.info)(
                "probes are " + ("down" if down else "up"), pid=self.child.pid
            )

    def _send_result(self, result: ProbeResult, network: int, to: Address) -> None:
        key = self.keys.secret(self.keys.current)
        if key is not None:
            self.ports[network].send(encode_probe_result(result, key, self.keys.current, self.keys.cluster), to)

    def _listen_for_signals(self) -> None:
        for end in (self._wake, self._woken):
            end.setblocking(False)
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        self.poller.watch(self._woken.fileno(), READ, self._signalled)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)

    def _signalled(self) -> None:
        numbers = self._woken.recv(64)
        now = time.monotonic()
        if signal.SIGCHLD in numbers:
            self.child.tick(now)
        if signal.SIGTERM in numbers or signal.SIGINT in numbers:
            if not self.farewell.begun:
                if self.farewell.reason is not GoodbyeReason.REBOOT and goes_down(self.config.run_root):
                    self.farewell.set(GoodbyeReason.REBOOT, self.config.reboot_seconds)
                self.log.info("told to stop", reason=self.farewell.reason.value, seconds=self.farewell.seconds)
                self.voice.goodbye(self.farewell.reason, self.farewell.seconds, now)
            self.farewell.begin(now)
            self.child.leaving = True

    def _leave(self) -> None:
        accepted = self.seats.goodbyes(self.destinations.seats)
        self.child.stop(STOP_PROBES_SECONDS, self._wait_for_child)
        self.probing.close()
        for port in self.ports:
            port.close()
        self.log.info("beats end", accepted=accepted)

    def _wait_for_child(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not self.child.reaped() and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 0.01))
