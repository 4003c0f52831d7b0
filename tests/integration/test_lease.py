"""The Lease against a real API server."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.lease import LeaseElector, NotLeader
from nfvi_ha.kube.membership import Membership, MembershipSettings
from nfvi_ha.kube.resources import CONFIGMAPS, LEASES
from nfvi_ha.lab.controlplane import ControlPlane
from nfvi_ha.lab.controlplane.assets import Assets


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def own_plane(assets: Assets) -> AsyncIterator[ControlPlane]:
    """One that these tests may pause."""
    async with await ControlPlane.start(assets=assets) as plane:
        yield plane


async def eventually(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the condition is of a server
            await asyncio.sleep(0.01)


def elector(client: KubeClient, namespace: str, identity: str) -> tuple[LeaseElector, list[bool]]:
    told: list[bool] = []
    return LeaseElector(client, namespace, "lease", identity, on_change=told.append), told


async def test_one_of_two_leads_and_hands_over_when_it_stops(kube: KubeClient, namespace: str) -> None:
    (first, _), (second, _) = elector(kube, namespace, "a"), elector(kube, namespace, "b")
    tasks = {each: asyncio.create_task(each.run()) for each in (first, second)}
    await eventually(lambda: first.is_leader or second.is_leader)
    leader, other = (first, second) if first.is_leader else (second, first)
    await eventually(lambda: other.holder == leader.identity)
    record = await kube.get(LEASES, "lease", namespace)
    assert record["spec"]["holderIdentity"] == leader.identity
    assert record["spec"]["leaseDurationSeconds"] == 3
    assert 0 < leader.margin_seconds() <= 3.0
    tasks[leader].cancel()
    await asyncio.gather(tasks[leader], return_exceptions=True)
    await leader.release()
    with pytest.raises(NotLeader):
        await kube.lane(guard=leader.guard()).create(CONFIGMAPS, {"metadata": {"name": "x"}}, namespace)
    await eventually(lambda: other.is_leader, 5)
    assert (await kube.get(LEASES, "lease", namespace))["spec"]["leaseTransitions"] == 1
    await kube.lane(guard=other.guard()).create(CONFIGMAPS, {"metadata": {"name": "x"}}, namespace)
    tasks[other].cancel()
    await asyncio.gather(tasks[other], return_exceptions=True)


async def test_members_know_their_ranks(kube: KubeClient, namespace: str) -> None:
    leading, _ = elector(kube, namespace, "b")
    following, _ = elector(kube, namespace, "c")
    settings = MembershipSettings(renew_seconds=0.3, expire_seconds=5.0)
    members = [Membership(kube, each, namespace, "nfvi", settings=settings) for each in (leading, following)]
    tasks = [asyncio.create_task(each.run()) for each in (leading, *members)]
    # Without a word from the Lease, c comes after b; once it knows that b leads, it is the first of the others.
    await eventually(lambda: [member.rank for member in members] == [0, 2])
    tasks.append(asyncio.create_task(following.run()))
    await eventually(lambda: [member.rank for member in members] == [0, 1])
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for member in members:
        await member.leave()
    assert [lease["metadata"]["name"] for lease in await kube.list(LEASES, namespace)] == ["lease"]


async def test_a_server_that_hangs_ends_the_hold_within_its_duration(own_plane: ControlPlane) -> None:
    async with await KubeClient.connect(str(own_plane.kubeconfig)) as kube:
        subject, told = elector(kube, "default", "a")
        task = asyncio.create_task(subject.run())
        await eventually(lambda: subject.is_leader)
        own_plane.pause()
        try:
            await eventually(lambda: told[-1] is False, 10)
            assert subject.margin_seconds() <= 0
        finally:
            own_plane.resume()
        await eventually(lambda: subject.is_leader)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
