"""The control plane goes away in the middle of failures, and nothing is lost."""

import asyncio

from chaos_world import Scale, Start


async def test_an_api_server_that_is_away_for_a_while_loses_nothing(start: Start, scale: Scale) -> None:
    world = await start(operators=2, replicas=6)
    plane = world.lab.plane
    await world.kill_vm()
    await world.pause(0.4)
    await plane.stop_apiserver(grace_seconds=0)
    # Their ends are told to the API only when it is back.
    await world.kill_vms(2, 0.5)
    await world.pause(scale.of(4, 30), scale.of(4, 30))
    await plane.start_apiserver()
    await world.kill_vm()
    await world.settled()


async def test_an_api_server_that_hangs_for_a_while_loses_nothing(start: Start, scale: Scale) -> None:
    world = await start(operators=2, replicas=6)
    plane = world.lab.plane
    await world.kill_vm()
    await world.pause(0.4)
    plane.pause()
    try:
        await world.kill_vms(2, 0.5)
        await world.pause(scale.of(6, 30), scale.of(6, 30))
    finally:
        plane.resume()
    await world.kill_vm()
    await world.settled()


async def test_a_killed_etcd_loses_nothing(start: Start, scale: Scale) -> None:
    world = await start(operators=2, replicas=6)
    for _ in range(scale.of(1, 10)):
        await world.kill_vm()
        await world.pause(0.4)
        await asyncio.gather(world.lab.plane.restart_etcd(grace_seconds=0), world.kill_vms(2, 0.3))
        await world.told_all()
    await world.settled()


async def test_watches_that_must_start_anew_lose_nothing(start: Start, scale: Scale) -> None:
    """410 Gone: what changed meanwhile was never an event."""
    world = await start(operators=2, replicas=6)
    for _ in range(scale.of(1, 10)):
        await world.kill_vm()
        await world.pause(0.4)
        await asyncio.gather(world.lab.plane.forget_history(), world.kill_vms(2, 0.3))
        await world.told_all()
    await world.settled()
