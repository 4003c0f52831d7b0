"""What somebody asked for is no failure, however much of it is asked for at once."""

import contextlib
import time

from chaos_world import NAMESPACE, SETTLE_SECONDS, ChaosWorld, Scale, Start

from nfvi_ha.kube.errors import NotFound
from nfvi_ha.kube.resources import VNFREPLICASETS
from nfvi_ha.lab.errors import LabFailed
from nfvi_ha.lab.vnf import NAME

REPLICAS = 10
FORBIDDEN = ("io.nfvi-ha.vm.failed", "io.nfvi-ha.vm.unready")


async def test_deletions_scale_ins_shutdowns_and_updates_under_load_tell_no_failure(start: Start, scale: Scale) -> None:
    world = await start(operators=2, replicas=REPLICAS)
    world.scaled = True
    wanted, done = scale.of(40, 1000), 0
    began = time.monotonic()
    while done < wanted:
        match world.random.choice(("delete", "delete", "shutdown", "scale", "update")):
            case "delete":
                done += await _delete(world)
            case "shutdown":
                done += _shut_down(world)
            case "scale":
                await _patch(world, {"replicas": world.random.randint(REPLICAS // 2, REPLICAS)})
            case "update":
                await _patch(world, {"template": {"metadata": {"annotations": {"example.org/round": str(done)}}}})
        await world.pause(0.4)
    await _patch(world, {"replicas": REPLICAS})
    world.figures.values |= {"asked to end": done, "in s": round(time.monotonic() - began)}
    await world.settled(SETTLE_SECONDS * 2)
    told = [f"{record.type} {record.subject} {record.data['cause']}" for record in world.records()]
    assert not [words for words in told if words.startswith(FORBIDDEN)], told
    world.figures.values["VMs in all"] = len(world.vnf.lives)


async def _delete(world: ChaosWorld) -> int:
    victims = world.vnf.ready_vmis()
    chosen = world.random.sample(victims, min(len(victims), world.random.randint(1, 4)))
    for vmi in chosen:
        with contextlib.suppress(NotFound):
            await world.faults.delete_vmi(vmi)
    return len(chosen)


def _shut_down(world: ChaosWorld) -> int:
    victims = world.vnf.ready_vmis()
    if not victims:
        return 0
    try:
        world.faults.shut_down_guest(world.random.choice(victims))
    except LabFailed:  # it went by itself, and the watch has not said so yet
        return 0
    return 1


async def _patch(world: ChaosWorld, spec: dict[str, object]) -> None:
    await world.client.patch(VNFREPLICASETS, NAME, {"spec": spec}, NAMESPACE)
