"""Taint and condition on a real Node: after the report, ours only, and gone when the hypervisor is up again."""

from datetime import UTC, datetime
from typing import Any

from hot_process import HotProcess, delivered, hypervisor_fault, raised, record
from scribe_world import Obj, ScribeWorld, eventually

from nfvi_ha.api.stamp import format_stamp
from nfvi_ha.core.incident import Incident
from nfvi_ha.kube.resources import EVENTS, NODES
from nfvi_ha.sentinel.scribe.lines import FeedKind

TAINT = "nfvi-ha.io/hypervisor-failed"
CONDITION = "NfviHaHypervisorFailed"
FOREIGN = {"key": "example.com/theirs", "value": "x", "effect": "PreferNoSchedule"}


def report(node: str, state: str, **fields: Any) -> Obj:
    now = format_stamp(datetime.now(UTC))
    base = {"node": node, "state": state, "reason": "Silent", "bootID": "boot-1", "confidence": "high", "since": now}
    return {**base, **fields}


def tainted(node: Obj) -> bool:
    return any(taint["key"] == TAINT for taint in node["spec"].get("taints", ()))


def condition(node: Obj) -> Obj:
    return next((one for one in node["status"]["conditions"] if one["type"] == CONDITION), {})


async def told_failed(world: ScribeWorld, hot: HotProcess, name: str, serial: int = 1) -> Incident:
    incident = raised(hypervisor_fault(name))
    hot.send(record=record(incident, world.namespace, delivered(incident)), serial=serial)
    await hot.until_written(incident.id, serial)
    return incident


async def test_a_failed_hypervisor_is_marked_after_its_report_and_freed_when_it_is_up(world: ScribeWorld) -> None:
    name = (await world.node())["metadata"]["name"]
    before = await world.client.patch(NODES, name, {"spec": {"taints": [FOREIGN]}})

    async def read(**_: Any) -> Obj:
        return await world.client.get(NODES, name)

    async def marked() -> bool:
        node = await read()
        return tainted(node) and condition(node).get("status") == "True"

    async def freed() -> bool:
        node = await read()
        return not tainted(node) and condition(node).get("status") == "False"

    async with world.scribe() as hot:
        await hot.until_synced()
        hot.send(hypervisor=report(name, "Failed"))
        # What is written after it proves that the report was looked at, and waits for the Incident.
        other = (await world.node())["metadata"]["name"]
        await told_failed(world, hot, other)
        hot.send(hypervisor=report(other, "Failed"))
        await eventually(lambda: is_tainted(world, other), "the other node is tainted")
        assert not tainted(await read())

        await told_failed(world, hot, name)
        await eventually(marked, "taint and condition")
        node = await read()
        assert FOREIGN in node["spec"]["taints"]
        assert [one for one in node["status"]["conditions"] if one["type"] != CONDITION] == before["status"][
            "conditions"
        ]
        assert condition(node)["reason"] == "HypervisorFailed"
        await hot.until(lambda: (FeedKind.NODE, name) in hot.told, "the node")

        hot.send(hypervisor=report(name, "Returning"))
        hot.send(hypervisor=report(name, "Up", reason="Steady"))
        await eventually(freed, "no taint, condition False")
        assert (await read())["spec"]["taints"] == [FOREIGN]


async def is_tainted(world: ScribeWorld, name: str) -> bool:
    return tainted(await world.client.get(NODES, name))


async def test_one_seat_alone_marks_nothing(world: ScribeWorld) -> None:
    names = [(await world.node())["metadata"]["name"] for _ in range(2)]
    async with world.scribe() as hot:
        await hot.until_synced()
        for serial, name in enumerate(names):
            await told_failed(world, hot, name, serial)
        hot.send(hypervisor=report(names[0], "Failed", confidence="low"))
        hot.send(hypervisor=report(names[1], "Failed"))
        await eventually(lambda: is_tainted(world, names[1]), "the other node is tainted")
        assert not await is_tainted(world, names[0])


async def test_a_taint_that_somebody_removed_is_set_again_while_the_verdict_stands(world: ScribeWorld) -> None:
    name = (await world.node())["metadata"]["name"]
    async with world.scribe() as hot:
        await hot.until_synced()
        await told_failed(world, hot, name)
        hot.send(hypervisor=report(name, "Failed"))
        await eventually(lambda: is_tainted(world, name), "the taint")
        await world.client.patch(NODES, name, {"spec": {"taints": None}})
        await eventually(lambda: is_tainted(world, name), "the taint again")


async def test_events_are_made_on_the_node(world: ScribeWorld) -> None:
    name = (await world.node())["metadata"]["name"]
    async with world.scribe() as hot:
        await hot.until_synced()
        hot.send(event={"node": name, "type": "Warning", "reason": "LinkDown", "note": "eth0 lost its carrier"})

        async def event() -> Obj | None:
            events = await world.client.list(EVENTS)
            return next((one for one in events if one["regarding"].get("name") == name), None)

        found = await eventually(event, "the Event")
        assert (found["reason"], found["type"], found["regarding"]["kind"]) == ("LinkDown", "Warning", "Node")
        assert found["reportingController"] == "nfvi-ha.io/sentinel"
