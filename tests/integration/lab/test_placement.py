"""The lab's scheduler against the real API server: capacity and anti-affinity hold."""

import asyncio

from nfvi_world import World, condition, eventually, phase

BIG = {"domain": {"devices": {}, "resources": {"requests": {"memory": "1Gi", "cpu": "1"}}}}


def apart(label: str) -> dict[str, object]:
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": label}}}
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


async def test_a_vm_that_fits_nowhere_waits_until_room_is_made(world: World) -> None:
    names = ["a", "b", "c"]
    await asyncio.gather(*(world.create(name, **BIG) for name in names))

    left: list[str] = []

    async def one_waits() -> bool:
        objects = [await world.get(name) for name in names]
        left[:] = [
            obj["metadata"]["name"] for obj in objects if condition(obj, "PodScheduled") == ("False", "Unschedulable")
        ]
        return len(left) == 1

    await eventually(one_waits, "one VM is unschedulable", 20, lambda: left)
    running = [name for name in names if name not in left]
    for name in running:
        await world.ready(name)
    assert phase(await world.get(left[0])) == "Scheduling"

    await world.faults.delete_vmi(await world.get(running[0]))
    await world.ready(left[0])


async def test_vms_that_must_be_apart_get_a_node_each(world: World) -> None:
    await asyncio.gather(*(world.create(name, affinity=apart("vnf")) for name in ("a", "b")))
    nodes = {(await world.ready(name))["status"]["nodeName"] for name in ("a", "b")}
    assert nodes == {"hv-1", "hv-2"}

    await world.create("c", affinity=apart("vnf"))
    refused = await world.until("c", lambda obj: condition(obj, "PodScheduled")[0] == "False", "unschedulable")
    (message,) = [c["message"] for c in refused["status"]["conditions"] if c["type"] == "PodScheduled"]
    assert "anti-affinity" in message
