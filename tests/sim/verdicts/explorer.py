"""Anything may happen in any order, then quiet: the histories that the explorer draws from."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from nfvi_ha.core.verdict.outputs import NodeState

from .nfvi import Nfvi
from .truth import BEARABLE_LOSS, Truth
from .world import NETWORKS, Agent

SETTLE_SECONDS = 20
QUIET_SECONDS = 10

NODE = st.integers(0, 5).map(lambda n: f"node-{n}")
SEAT = st.integers(0, 2)


class Detection(RuleBasedStateMachine):
    """Hosts, networks, agents and seats fail and come back; then quiet, and all must be well again."""

    @initialize(seed=st.integers(0, 3))
    def begin(self, seed: int) -> None:
        self.nfvi = Nfvi(6, seed)
        self.world = self.nfvi.world
        self.truth = Truth(self.nfvi)
        self.world.clock.run(6)

    # Time

    @rule(hundredths=st.integers(1, 80))
    def a_moment_passes(self, hundredths: int) -> None:
        self.world.clock.run(hundredths / 100)

    @rule(seconds=st.integers(1, 8))
    def time_passes(self, seconds: int) -> None:
        self.world.clock.run(seconds)

    # Hypervisors

    @rule(node=NODE, how=st.sampled_from(["power", "power", "hang"]))
    def a_host_dies(self, node: str, how: str) -> None:
        if not self.world.hosts[node].powered:
            return
        self.truth.will_die(node)
        (self.nfvi.power_off if how == "power" else self.nfvi.hang)(node)

    @rule(node=NODE)
    def a_host_boots(self, node: str) -> None:
        self.nfvi.boot(node)

    @rule(first=st.integers(0, 5), number=st.integers(2, 5))
    def a_rack_dies(self, first: int, number: int) -> None:
        names = [f"node-{(first + n) % 6}" for n in range(number)]
        alive = [name for name in names if self.world.hosts[name].powered]
        for name in alive:
            self.truth.will_die(name)
        for name in alive:
            self.nfvi.power_off(name)

    @rule(node=NODE, what=st.sampled_from(["kill", "stop", "wake", "start"]))
    def something_happens_to_an_agent(self, node: str, what: str) -> None:
        host = self.world.hosts[node]
        if what == "kill":
            if host.powered:
                self.nfvi.kill_agent(node)
        elif what == "stop":
            self.nfvi.stop_agent(node)
        elif what == "wake":
            self.nfvi.wake_agent(node)
        elif host.agent is Agent.GONE and host.powered:
            self.nfvi.start_agent(node)

    @rule(node=NODE, reason=st.sampled_from(["upgrade", "reboot", "stop"]), seconds=st.integers(1, 8))
    def a_host_says_goodbye(self, node: str, reason: str, seconds: int) -> None:
        if self.world.hosts[node].speaks:
            self.nfvi.say_goodbye(node, reason, seconds)

    # Networks

    @rule(node=NODE, networks=st.sampled_from([NETWORKS, NETWORKS[:1], NETWORKS[1:]]))
    def a_host_is_cut_off(self, node: str, networks: tuple[str, ...]) -> None:
        self.nfvi.cut(node, networks)

    @rule(seat=SEAT, networks=st.sampled_from([NETWORKS, NETWORKS[:1]]))
    def a_seat_is_cut_off(self, seat: int, networks: tuple[str, ...]) -> None:
        self.nfvi.cut(f"seat-{seat}", networks)

    @rule(seat=SEAT, node=NODE)
    def a_path_is_lost(self, seat: int, node: str) -> None:
        self.nfvi.part(f"seat-{seat}", node)

    @rule(one=SEAT, other=SEAT)
    def two_seats_part(self, one: int, other: int) -> None:
        if one != other:
            self.nfvi.part(f"seat-{one}", f"seat-{other}")

    @rule(who=st.one_of(NODE, SEAT.map(lambda n: f"seat-{n}")))
    def networks_are_mended(self, who: str) -> None:
        self.nfvi.mend(who)

    @rule(share=st.sampled_from([0.0, 0.0, 0.02, BEARABLE_LOSS, 0.4]))
    def datagrams_are_lost(self, share: float) -> None:
        self.nfvi.lose(share)

    # Seats

    @rule(seat=SEAT, what=st.sampled_from(["kill", "stop", "wake", "start", "second"]))
    def something_happens_to_a_seat(self, seat: int, what: str) -> None:
        there = len(self.nfvi.seats_of(seat))
        if what == "kill":
            self.nfvi.kill_seat(seat)
        elif what == "stop":
            self.nfvi.stop_seat(seat)
        elif what == "wake":
            self.nfvi.wake_seat(seat)
        elif (what == "start" and not there) or (what == "second" and there == 1):
            self.nfvi.start_seat(seat)

    # In the end

    def teardown(self) -> None:
        if not hasattr(self, "nfvi"):
            return
        self.nfvi.lose(0.0)
        for who in (*self.world.hosts, "seat-0", "seat-1", "seat-2"):
            self.nfvi.mend(who)
        for name, host in self.world.hosts.items():
            if not host.powered or host.hung:
                self.nfvi.boot(name)
            elif not host.speaks:
                self.nfvi.start_agent(name)
        for seat in range(3):
            self.nfvi.wake_seat(seat)
            if len(self.nfvi.seats_of(seat)) != 1:
                self.nfvi.kill_seat(seat)
                self.nfvi.start_seat(seat)
        self.world.clock.run(SETTLE_SECONDS)
        self._the_absent_are_back()
        self._all_is_well()
        self._nothing_moves_any_more()

    def _the_absent_are_back(self) -> None:
        """Those that said GOODBYE went only when it was taken: some went meanwhile."""
        for name, host in self.world.hosts.items():
            if not host.powered:
                self.nfvi.boot(name)
            elif not host.speaks:
                self.nfvi.start_agent(name)
        self.world.clock.run(SETTLE_SECONDS)

    def _all_is_well(self) -> None:
        for seat in self.nfvi.seats:
            for name in self.world.hosts:
                assert seat.state(name) is NodeState.UP, (seat.name, name, seat.state(name))
        assert not self.nfvi.vim.open_hosts(), self.nfvi.vim.open_hosts()

    def _nothing_moves_any_more(self) -> None:
        before = [len(seat.said) for seat in self.nfvi.seats]
        self.world.clock.run(QUIET_SECONDS)
        assert [len(seat.said) for seat in self.nfvi.seats] == before
