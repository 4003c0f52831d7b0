"""Hypervisor objects and policies on a real API server."""

from hot_process import HotProcess
from scribe_world import Obj, ScribeWorld, eventually
from test_scribe_marks import report

from nfvi_ha.kube.errors import NotFound
from nfvi_ha.kube.resources import EVENTS, HAPOLICIES, HYPERVISORS
from nfvi_ha.sentinel.scribe.lines import FeedKind


async def hypervisor(world: ScribeWorld, name: str) -> Obj | None:
    try:
        return await world.client.get(HYPERVISORS, name)
    except NotFound:
        return None


async def in_state(world: ScribeWorld, name: str, state: str) -> Obj | None:
    obj = await hypervisor(world, name)
    return obj if obj is not None and (obj.get("status") or {}).get("state") == state else None


async def test_a_governed_node_gets_its_hypervisor_which_follows_the_reports(world: ScribeWorld) -> None:
    name = (await world.node())["metadata"]["name"]
    async with world.scribe() as hot:
        await hot.until_synced()
        await eventually(lambda: hypervisor(world, name), "the Hypervisor")
        agent = {"incarnation": 1, "realTime": True, "probesDown": False}
        hot.send(hypervisor=report(name, "Up", reason="Steady", vms=3, agents=[agent], watchdog="Armed"))
        obj = await eventually(lambda: in_state(world, name, "Up"), "state Up")
        status = obj["status"]
        assert (status["vms"], status["agentSummary"], status["watchdog"]) == (3, "RealTime", "Armed")

        hot.send(hypervisor=report(name, "Up", reason="Steady", vms=3, agents=[agent], watchdog="Armed"))
        hot.send(hypervisor=report(name, "AgentLost", reason="AgentSilent", vms=3, agents=[agent]))
        obj = await eventually(lambda: in_state(world, name, "AgentLost"), "state AgentLost")
        assert obj["status"]["agentSummary"] == "Silent"

        async def event() -> bool:
            events = await world.client.list(EVENTS)
            return any(one["reason"] == "AgentLost" and one["regarding"].get("name") == name for one in events)

        await eventually(event, "an Event on the node")


async def test_the_same_report_is_not_written_again(world: ScribeWorld) -> None:
    names = [(await world.node())["metadata"]["name"] for _ in range(2)]
    async with world.scribe() as hot:
        await hot.until_synced()
        first = report(names[0], "Up", reason="Steady")
        hot.send(hypervisor=first)
        before = await eventually(lambda: in_state(world, names[0], "Up"), "state Up")
        for _ in range(5):
            hot.send(hypervisor=first)
        hot.send(hypervisor=report(names[1], "Up"))
        await eventually(lambda: in_state(world, names[1], "Up"), "the other's state")
        assert await hypervisor(world, names[0]) == before


async def test_two_seats_write_one_state_and_a_higher_one_steps_in(world: ScribeWorld) -> None:
    name = (await world.node())["metadata"]["name"]
    async with world.scribe(0) as first, world.scribe(1) as second:
        for hot in (first, second):
            await hot.until_synced()
            hot.send(hypervisor=report(name, "Suspect"))
        await eventually(lambda: in_state(world, name, "Suspect"), "state Suspect")
        await close(first)
        second.send(seats=[1, 2])
        second.send(hypervisor=report(name, "Up"))
        await eventually(lambda: in_state(world, name, "Up"), "state Up by the other seat")


async def close(hot: HotProcess) -> None:
    hot.process.terminate()

    async def ended() -> bool:
        return hot.process.poll() is not None

    await eventually(ended, "the scribe is gone")


async def test_a_policy_decides_who_is_governed_and_by_which_figures(world: ScribeWorld) -> None:
    inside = (await world.node(labels={"zone": world.namespace}))["metadata"]["name"]
    outside = (await world.node())["metadata"]["name"]
    spec = {
        "priority": 7,
        "nodeSelector": {"matchLabels": {"zone": world.namespace}},
        "heartbeat": {"suspectAfter": "450ms"},
    }
    async with world.scribe() as hot:
        await hot.until_synced()
        assert hot.told[FeedKind.NODE, outside]["governed"] is True
        await world.make(HAPOLICIES, {"metadata": {"name": world.namespace}, "spec": spec})
        await hot.until(lambda: not hot.told[FeedKind.NODE, outside]["governed"], "the other node is not governed")
        assert hot.told[FeedKind.NODE, inside]["governed"] is True
        assert hot.told[FeedKind.CONFIG, "config"]["policy"]["suspect_seconds"] == 0.45

        # A server without CEL takes it: we refuse it, and the last good one stands.
        bad = {"spec": {"heartbeat": {"suspectAfter": "600ms", "suspectAfterSlow": "400ms"}}}
        await world.client.patch(HAPOLICIES, world.namespace, bad)

        async def refused() -> bool:
            return '"refused"' in hot.log.read_text() and "suspectAfterSlow" in hot.log.read_text()

        await eventually(refused, "the refusal with its reason")
        assert hot.told[FeedKind.CONFIG, "config"]["policy"]["suspect_seconds"] == 0.45
        assert hot.told[FeedKind.NODE, outside]["governed"] is False

        await world.client.delete(HAPOLICIES, world.namespace)
        await hot.until(lambda: hot.told[FeedKind.NODE, outside]["governed"], "the defaults govern again")
