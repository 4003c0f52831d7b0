"""The lab controllers' work queue."""

import asyncio

from nfvi_ha.kube.errors import Unavailable
from nfvi_ha.lab.workqueue import WorkQueue


async def test_a_key_is_never_worked_on_twice_at_once_and_no_change_is_missed() -> None:
    running, most, looks = 0, 0, 0
    gate, done = asyncio.Event(), asyncio.Event()

    async def reconcile(key: object) -> None:
        nonlocal running, most, looks
        running, looks = running + 1, looks + 1
        most = max(most, running)
        await gate.wait()
        running -= 1
        if looks == 2:
            done.set()

    queue = WorkQueue("test", reconcile)
    queue.add("a")
    await asyncio.sleep(0)
    for _ in range(3):
        queue.add("a")
    gate.set()
    async with asyncio.timeout(5):
        await done.wait()
    await queue.close()
    assert (most, looks) == (1, 2)


async def test_keys_do_not_wait_for_each_other() -> None:
    both, seen = asyncio.Event(), set()

    async def reconcile(key: object) -> None:
        seen.add(key)
        if len(seen) == 2:
            both.set()
        await both.wait()

    queue = WorkQueue("test", reconcile)
    queue.add("a")
    queue.add("b")
    async with asyncio.timeout(5):
        await both.wait()
    await queue.close()


async def test_a_failure_is_tried_again() -> None:
    tries, done = 0, asyncio.Event()

    async def reconcile(key: object) -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise Unavailable(503, "ServiceUnavailable", "not now")
        done.set()

    queue = WorkQueue("test", reconcile)
    queue.add("a")
    async with asyncio.timeout(5):
        await done.wait()
    await queue.close()
    assert tries == 3


async def test_a_look_asked_for_later_comes_and_the_earliest_wins() -> None:
    looks: list[float] = []
    done = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def reconcile(key: object) -> float | None:
        looks.append(loop.time())
        if len(looks) == 2:
            done.set()
            return None
        queue.add_after("a", 60.0)
        return 0.01

    queue = WorkQueue("test", reconcile)
    queue.add("a")
    async with asyncio.timeout(5):
        await done.wait()
    await queue.close()


async def test_nothing_runs_after_close() -> None:
    looks = 0

    async def reconcile(key: object) -> None:
        nonlocal looks
        looks += 1

    queue = WorkQueue("test", reconcile)
    queue.add_after("a", 0.0)
    await queue.close()
    queue.add("a")
    queue.add_after("a", 0.0)
    await asyncio.sleep(0.02)
    assert looks == 0
