"""Invariant 2, tried hard: operators die at any moment, and no failure is lost."""

import signal

import pytest
from chaos_world import ChaosWorld, Scale, Start, uid_of_record

from nfvi_ha.lab.controlplane.processes import ProcessId
from nfvi_ha.lab.processfile import PROCESS, read_identity


@pytest.mark.parametrize("operators", [1, 2])
async def test_operators_killed_while_vms_fail_lose_nothing(start: Start, scale: Scale, operators: int) -> None:
    world = await start(operators=operators, replicas=6)
    kills = 0
    for _ in range(scale.of(5, 50)):
        await world.kill_vms(world.random.choice((1, 1, 2)), 0.2)
        # From before KubeVirt's word to after the replacement's creation.
        await world.pause(0.7)
        victim = world.random.choice(world.operators.names())
        kills += world.signal_operator(victim, signal.SIGKILL)
        # While it is away, while it starts, and after.
        await world.pause(3.0)
    world.figures.values["operators killed"] = kills
    await world.settled()
    assert kills
    assert world.kills


async def test_a_vm_and_the_leader_killed_at_once_are_told_by_another_replica(start: Start, scale: Scale) -> None:
    world = await start(operators=2, replicas=4)
    for _ in range(scale.of(3, 20)):
        leader = await world.leader()
        await world.replaced_all()
        before = _pid(world, leader)
        kill = await world.kill_vm()
        world.signal_operator(leader, signal.SIGKILL)
        await world.told_all()
        first = next(record for record in world.records() if uid_of_record(record) == kill.uid)
        assert first.data["source"] != f"operator/{leader}" or _pid(world, leader) != before
    await world.settled()
    latencies = world.latencies_ms()
    # The promise is 1000 ms on a machine of its own; here a test must not fail because the machine is busy.
    assert max(latencies.values()) <= 2000.0, latencies


def _pid(world: ChaosWorld, name: str) -> ProcessId | None:
    return read_identity(world.operators.root / name / PROCESS)
