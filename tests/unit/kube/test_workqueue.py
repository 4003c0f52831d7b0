import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from nfvi_ha.kube.errors import Unavailable
from nfvi_ha.kube.lease import NotLeader
from nfvi_ha.kube.workqueue import WorkQueue


def make_queue(work: Callable[[str], Awaitable[None]], errors: list[Exception], concurrency: int = 4) -> WorkQueue[str]:
    return WorkQueue(
        "test", work, concurrency=concurrency, on_error=lambda _, error: errors.append(error), jitter=lambda: 0.5
    )


async def run_until_idle(queue: WorkQueue[str], done: Callable[[], bool]) -> None:
    task = asyncio.create_task(queue.run())
    async with asyncio.timeout(30):
        while not (done() and queue.idle()):  # noqa: ASYNC110 - the queue has no such event, and needs none
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_key_asked_for_many_times_is_worked_on_once() -> None:
    worked: Counter[str] = Counter()

    async def work(key: str) -> None:
        worked[key] += 1

    queue = make_queue(work, [])
    for _ in range(10):
        queue.add("a")
    await run_until_idle(queue, lambda: bool(worked))
    assert worked == {"a": 1}


async def test_a_key_is_never_worked_on_twice_at_a_time_and_no_request_is_lost() -> None:
    running: Counter[str] = Counter()
    worked: Counter[str] = Counter()
    most = 0

    async def work(key: str) -> None:
        nonlocal most
        running[key] += 1
        most = max(most, running[key])
        await asyncio.sleep(0.01)
        running[key] -= 1
        worked[key] += 1
        if worked[key] < 3:
            queue.add(key)

    queue = make_queue(work, [])
    queue.add("a")
    queue.add("b")
    await run_until_idle(queue, lambda: worked["a"] == 3 and worked["b"] == 3)
    assert most == 1


@pytest.mark.parametrize("error", [Unavailable(503, "x", "down"), RuntimeError("a bug")])
async def test_failed_work_is_tried_again_and_counted(error: Exception) -> None:
    errors: list[Exception] = []
    attempts = 0

    async def work(_: str) -> None:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise error

    queue = make_queue(work, errors)
    queue.add("a")
    await run_until_idle(queue, lambda: attempts == 3)
    assert errors == [error, error]


async def test_one_failing_key_does_not_stop_the_others() -> None:
    done: set[str] = set()

    async def work(key: str) -> None:
        if key == "bad":
            raise RuntimeError("always")
        done.add(key)

    queue = make_queue(work, [], concurrency=1)
    queue.add("bad")
    queue.add("good")
    await run_until_idle(queue, lambda: done == {"good"})


async def test_of_two_delays_the_shorter_one_counts() -> None:
    worked: list[float] = []
    loop = asyncio.get_running_loop()

    async def work(_: str) -> None:
        worked.append(loop.time())

    queue = make_queue(work, [])
    began = loop.time()
    queue.add_after("a", 0.05)
    queue.add_after("a", 60.0)
    await run_until_idle(queue, lambda: len(worked) == 1)
    assert 0.04 <= worked[0] - began < 10.0


async def test_that_the_lease_is_not_ours_is_no_bug_and_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    tried, errors = 0, list[Exception]()

    async def work(_: str) -> None:
        nonlocal tried
        tried += 1
        if tried == 1:
            raise NotLeader("for 0.2 s only")

    queue = make_queue(work, errors)
    queue.add("a")
    await run_until_idle(queue, lambda: tried == 2)
    assert [type(error) for error in errors] == [NotLeader]
    assert not [record for record in caplog.records if record.exc_info], "a trace is for bugs"
