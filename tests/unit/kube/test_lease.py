import asyncio
import re
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import looptime
import pytest
from aiohttp import web
from hypothesis import example, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import KubeError
from nfvi_ha.kube.lease import LeaseElector, LeaseMetrics, NotLeader
from nfvi_ha.kube.membership import Membership, MembershipSettings, member_lease_name
from nfvi_ha.kube.resources import CONFIGMAPS, LEASES

from .conftest import eventually
from .fake_api import FakeApi
from .lease_world import DURATION, World, WorldClient


def on_virtual_time(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine on an event loop whose time jumps from event to event."""
    loop = looptime.patch_event_loop(asyncio.new_event_loop(), start=0, end=600)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main())


class Replica:
    """An elector on a host with a monotonic clock of its own."""

    def __init__(self, world: World, identity: str, offset: float, rivals: "list[Replica] | None" = None) -> None:
        loop = asyncio.get_running_loop()
        self.told: list[bool] = []
        self.rivals = rivals if rivals is not None else []
        self.alone_when_gained = True
        self.elector = LeaseElector(
            WorldClient(world),  # type: ignore[arg-type]
            "ns",
            "lease",
            identity,
            on_change=self._take,
            clock=lambda: loop.time() + offset,
            # Wall clocks are wrong by years and must not matter; what is written is unique all the same.
            utc_now=lambda: datetime.fromtimestamp(offset * 1e5 + loop.time(), UTC),
            rng=world.random.random,
        )
        self.task = asyncio.create_task(self.elector.run())

    def _take(self, gained: bool) -> None:
        self.told.append(gained)
        if gained:  # two leaders at once begin with one that gains the Lease while another has it
            self.alone_when_gained &= sum(rival.elector.is_leader for rival in self.rivals) <= 1

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@settings(max_examples=15, deadline=None)
@example(seed=0, rough=0.5, deletions=True)
@example(seed=359, rough=0.5, deletions=True)
@given(seed=st.integers(0, 2**32), rough=st.sampled_from([0.0, 0.05, 0.2, 0.5]), deletions=st.booleans())
def test_never_two_leaders_whatever_network_and_pauses_do(seed: int, rough: float, deletions: bool) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        world = World(seed, rough)
        replicas: list[Replica] = []
        replicas += [Replica(world, f"r{number}", 500.0 * number, replicas) for number in range(3)]
        next_deletion = 20.0
        while loop.time() < 70:
            await asyncio.sleep(0.25)
            leaders = [replica.elector.identity for replica in replicas if replica.elector.is_leader]
            assert len(leaders) <= 1, f"{leaders} at {loop.time()}"
            assert all(replica.alone_when_gained for replica in replicas)
            assert world.too_early == []
            for replica in replicas:
                # A hold may never outlast what the others give it.
                assert replica.elector.margin_seconds() <= max(world.written_at + DURATION - loop.time() + 1e-6, 0)
            if deletions and loop.time() > next_deletion:
                world.delete()
                next_deletion += 20
            if world.random.random() < 0.02:  # one starts anew, under the same name
                index = world.random.randrange(3)
                await replicas[index].stop()
                if world.random.random() < 0.5:
                    await replicas[index].elector.release()
                replicas[index] = Replica(world, f"r{index}", world.random.uniform(0, 1000), replicas)
        world.rough = 0.0
        await asyncio.sleep(25)
        assert sum(replica.elector.is_leader for replica in replicas) == 1, "and with calm there is one"
        for replica in replicas:
            await replica.stop()

    on_virtual_time(main)


def test_a_follower_takes_over_within_duration_and_a_little_after_a_crash() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        world = World(1, 0.0)
        first, second = Replica(world, "a", 0.0), Replica(world, "b", 50.0)
        await asyncio.sleep(10)
        leader, other = (first, second) if first.elector.is_leader else (second, first)
        await leader.stop()
        crashed = loop.time()
        await eventually(lambda: other.elector.is_leader)
        assert loop.time() - crashed <= 4.2
        assert world.record is not None
        assert world.record["spec"]["leaseTransitions"] == 1
        await asyncio.sleep(0)
        assert leader.told[-1] is False, "told by its timer although its loop is gone"
        await other.stop()

    on_virtual_time(main)


def test_a_release_hands_over_within_a_renewal() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        world = World(2, 0.0)
        first, second = Replica(world, "a", 0.0), Replica(world, "b", 50.0)
        await asyncio.sleep(10)
        leader, other = (first, second) if first.elector.is_leader else (second, first)
        await leader.stop()
        await leader.elector.release()
        assert not leader.elector.is_leader
        released = loop.time()
        await eventually(lambda: other.elector.is_leader)
        assert loop.time() - released <= 1.2
        await other.stop()

    on_virtual_time(main)


def test_a_suspended_leader_knows_at_once_when_it_wakes() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        suspended = 0.0
        elector = LeaseElector(
            WorldClient(World(3, 0.0)),  # type: ignore[arg-type]
            "ns", "lease", "a", on_change=lambda _: None, clock=lambda: loop.time() + suspended,
        )  # fmt: skip
        task = asyncio.create_task(elector.run())
        await asyncio.sleep(10)
        assert 1.8 < elector.margin_seconds() <= 3.0
        assert elector.require(1.0) > 1.0
        suspended = 5.0  # nothing ran, but time went on
        assert elector.margin_seconds() < 0
        assert not elector.is_leader
        with pytest.raises(NotLeader, match="ns/lease"):
            elector.require()
        task.cancel()

    on_virtual_time(main)


def test_an_outage_of_the_server_ends_the_hold_in_time_and_not_for_ever() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        world = World(4, 0.0)
        replica = Replica(world, "a", 0.0)
        await asyncio.sleep(10)
        assert replica.elector.is_leader
        world.delay = lambda: None  # type: ignore[method-assign]
        began = loop.time()
        await eventually(lambda: not replica.told[-1])
        assert loop.time() - began <= 3.1
        await asyncio.sleep(30)
        del world.delay  # type: ignore[method-assign]
        back = loop.time()
        await eventually(lambda: replica.elector.is_leader)
        assert loop.time() - back <= 2.5, "its own record may be renewed at once"
        assert replica.told == [True, False, True]
        await replica.stop()

    on_virtual_time(main)


def test_another_process_of_the_same_identity_is_not_ours() -> None:
    async def main() -> None:
        world = World(5, 0.0)
        first = Replica(world, "same", 0.0)
        await asyncio.sleep(10)
        second = Replica(world, "same", 50.0)
        for _ in range(1000):
            await asyncio.sleep(0.01)
            assert first.elector.is_leader
            assert not second.elector.is_leader
        await first.stop()
        await second.stop()

    on_virtual_time(main)


def test_the_renewal_must_fit_into_the_duration() -> None:
    with pytest.raises(ValueError, match="at most half"):
        LeaseElector(WorldClient(World(0, 0)), "ns", "l", "a", on_change=lambda _: None, renew_seconds=2.0)  # type: ignore[arg-type]


async def test_a_renewal_that_hangs_is_bounded_and_the_hold_ends(api: FakeApi, client: KubeClient) -> None:
    told: list[bool] = []
    registry = CollectorRegistry()
    elector = LeaseElector(
        client, "default", "lease", "a",
        on_change=told.append, duration_seconds=0.4, renew_seconds=0.1, metrics=LeaseMetrics(registry),
    )  # fmt: skip
    task = asyncio.create_task(elector.run())
    await eventually(lambda: elector.is_leader)
    assert registry.get_sample_value("nfvi_ha_leader", {"lease": "lease"}) == 1

    async def hang(_request: web.Request, _body: bytes) -> web.StreamResponse | None:
        await asyncio.Event().wait()
        return None

    api.hook = hang
    before = len(api.requests)
    await eventually(lambda: told == [True, False], 5)
    await eventually(lambda: len(api.requests) >= before + 5)  # it goes on trying, each time for a bounded time
    assert registry.get_sample_value("nfvi_ha_leader", {"lease": "lease"}) == 0
    api.hook = None
    await eventually(lambda: elector.is_leader)
    task.cancel()


async def test_a_guarded_client_writes_only_while_the_lease_is_held(api: FakeApi, client: KubeClient) -> None:
    elector = LeaseElector(
        client, "default", "lease", "a", on_change=lambda _: None, duration_seconds=1.0, renew_seconds=0.3
    )
    guarded = client.lane(guard=elector.guard(0.1))
    with pytest.raises(NotLeader):
        await guarded.create(CONFIGMAPS, {"metadata": {"name": "a"}}, "default")
    assert api.requests == []
    task = asyncio.create_task(elector.run())
    await eventually(lambda: elector.is_leader)
    await guarded.create(CONFIGMAPS, {"metadata": {"name": "a"}}, "default")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await elector.release()
    with pytest.raises(NotLeader):
        await guarded.delete(CONFIGMAPS, "a", "default")
    record = api.object("leases", "lease")
    assert record is not None
    assert record["spec"]["holderIdentity"] == ""


SHORT = MembershipSettings(renew_seconds=0.05, expire_seconds=0.6, stale_seconds=1.2)


class StubElector:
    """Says what the test wants."""

    def __init__(self, identity: str) -> None:
        self.identity = identity
        self.is_leader = False
        self.holder = ""


async def test_ranks_follow_the_leader_then_the_order_of_identities(api: FakeApi, client: KubeClient) -> None:
    electors = [StubElector(identity) for identity in ("c", "a", "b")]
    members = [Membership(client, elector, "default", "nfvi", settings=SHORT) for elector in electors]  # type: ignore[arg-type]
    assert [member.rank for member in members] == [1, 1, 1], "unknown counts as 1"
    tasks = [asyncio.create_task(member.run()) for member in members]
    await eventually(lambda: [member.rank for member in members] == [3, 1, 2])
    for elector in electors:
        elector.holder = "a"
    electors[1].is_leader = True
    assert [member.rank for member in members] == [2, 0, 1]
    # b dies without a word: c moves up once its Lease did not change for long enough.
    tasks[2].cancel()
    await eventually(lambda: members[0].rank == 1)
    # The leader cleans up after it.
    await eventually(lambda: api.object("leases", "nfvi-member-b") is None)
    # c goes properly.
    tasks[0].cancel()
    await asyncio.gather(tasks[0], return_exceptions=True)
    await members[0].leave()
    assert api.object("leases", "nfvi-member-c") is None
    tasks[1].cancel()


async def test_ranks_are_unknown_when_the_server_is_gone(api: FakeApi, client: KubeClient) -> None:
    member = Membership(client, StubElector("z"), "default", "nfvi", settings=SHORT)  # type: ignore[arg-type]
    other = Membership(client, StubElector("a"), "default", "nfvi", settings=SHORT)  # type: ignore[arg-type]
    tasks = [asyncio.create_task(each.run()) for each in (member, other)]
    await eventually(lambda: member.rank == 2)
    await api.stop()
    await eventually(lambda: member.rank == 1)
    await member.leave()  # does not raise
    for task in tasks:
        assert not task.done()
        task.cancel()


@pytest.mark.parametrize("identity", ["pod-1", "pod.with.dots", "Pod_1", "ü", "a" * 300, "-x", ""])
def test_any_identity_gives_a_valid_lease_name(identity: str) -> None:
    name = member_lease_name("nfvi-ha", identity)
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", name)
    assert len(name) <= 253
    assert LEASES.path("ns", name)


def test_errors_of_the_lease_are_kube_errors_or_refusals() -> None:
    assert not issubclass(NotLeader, KubeError), "a refusal must not look like a failed request that may be retried"
