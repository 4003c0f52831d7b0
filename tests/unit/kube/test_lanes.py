"""Lanes of one client: what one of them waits for, the others do not."""

import asyncio

from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.resources import CONFIGMAPS

from .conftest import eventually
from .fake_api import FakeApi


async def test_a_lane_sends_nothing_before_it_may_and_the_others_go_on(api: FakeApi, client: KubeClient) -> None:
    may = asyncio.Event()

    async def before() -> None:
        await may.wait()

    held = client.lane(before=before)
    from_it = held.lane(urgent=True)
    writes = [
        asyncio.ensure_future(lane.create(CONFIGMAPS, {"metadata": {"name": name}}, "default"))
        for lane, name in ((held, "a"), (from_it, "b"))
    ]
    await client.create(CONFIGMAPS, {"metadata": {"name": "c"}}, "default")
    assert [api.object("configmaps", name) is not None for name in "abc"] == [False, False, True]
    may.set()
    await asyncio.gather(*writes)
    assert api.count("POST") == 3


async def test_a_lane_with_a_bound_of_its_own_does_not_wait_for_the_others(api: FakeApi, client: KubeClient) -> None:
    under_way, go = 0, asyncio.Event()

    def counted(_: object = None) -> None:
        nonlocal under_way
        under_way += 1

    narrow = client.lane(guard=counted, in_flight=2)
    stuck = [asyncio.ensure_future(_occupy(narrow, go)) for _ in range(2)]
    await eventually(lambda: narrow._slots.locked())
    third = asyncio.ensure_future(narrow.create(CONFIGMAPS, {"metadata": {"name": "a"}}, "default"))
    await client.create(CONFIGMAPS, {"metadata": {"name": "b"}}, "default")
    assert not third.done()
    assert under_way == 0, "the third has not been sent"
    go.set()
    await asyncio.gather(third, *stuck)
    assert under_way == 1


async def _occupy(lane: KubeClient, go: asyncio.Event) -> None:
    """Holds one of the lane's places as a request under way does."""
    async with lane._slots:
        await go.wait()
