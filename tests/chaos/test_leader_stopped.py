"""A leader that is stopped at any step and woken when another one leads does nothing wrong (invariants 1 and 5)."""

import signal

from chaos_world import ChaosWorld, Scale, Start


async def test_a_leader_stopped_anywhere_and_woken_later_does_nothing_wrong(start: Start, scale: Scale) -> None:
    world = await start(operators=2, replicas=5)
    for _ in range(scale.of(3, 15)):
        await _stop_and_wake(world)
    await world.settled()


async def _stop_and_wake(world: ChaosWorld) -> None:
    leader = await world.leader()
    await world.kill_vm()
    # Anywhere between KubeVirt's word and the replacement's being ready.
    await world.pause(0.8)
    assert world.signal_operator(leader, signal.SIGSTOP)
    try:
        # Nobody leads yet: what fails now is told by the standby, and replaced once it leads.
        await world.kill_vm()
        await world.leader(but=leader)
        await world.kill_vms(world.random.choice((0, 1)), 0.0)
        # It is woken while the other one is in the middle of replacing, or has done with it.
        await world.pause(1.5)
    finally:
        assert world.signal_operator(leader, signal.SIGCONT)
    await world.kill_vm()
    await world.told_all()
    await world.replaced_all()
    world.judge()
