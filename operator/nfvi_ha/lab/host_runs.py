"""Runs of scenarios whose fault is on a host, a network or one of our own processes."""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack
from random import Random
from typing import Final

from nfvi_ha.kube.resources import HYPERVISORS
from nfvi_ha.lab.errors import LabFailed
from nfvi_ha.lab.faults import Injection
from nfvi_ha.lab.network.plan import Mode
from nfvi_ha.lab.objects import JsonObject, name_of, uid_of
from nfvi_ha.lab.play import STEP_SECONDS, Run, RunOptions, Say, Session, kill_beside, new_vnf, within
from nfvi_ha.lab.scenarios.host_scenario import HostScenario, Target, Word
from nfvi_ha.lab.sentinel_view import wait_seats
from nfvi_ha.lab.vim import Received
from nfvi_ha.lab.vnf import Vnf, target

UP: Final = "Up"
LAST_VM: Final = "last_vm_ms"
_POLL_SECONDS: Final = 0.1
_OUTAGE: Final = re.compile(r"\b(\d+) ms\b")


async def host_runs(session: Session, scenario: HostScenario, options: RunOptions, say: Say) -> AsyncGenerator[Run]:
    """One run after the other.

    Raises:
        LabFailed: something that must happen did not, or something that must not did.
    """
    _check(session, scenario)
    random = Random(options.seed)  # noqa: S311 - which host is hit shall be repeatable
    names = [node.name for node in session.access.options.nodes()]
    pinned = names[0] if options.vms else ""
    async with AsyncExitStack() as stack:
        vnf: Vnf | None = None
        if not scenario.without_vms:
            count = options.vms or options.replicas
            vnf = await stack.enter_async_context(new_vnf(session, count, remove=not options.lab_ends, node=pinned))
            say(f"{count} VMs are Ready")
        await wait_all_up(session)
        for _ in range(options.count):
            nodes = [pinned] if pinned else random.sample(names, scenario.nodes_hit)
            hit = Target(nodes, random.randrange(session.access.options.sentinels), random)
            yield await _one(session, scenario, options, vnf, hit)


def _check(session: Session, scenario: HostScenario) -> None:
    lab, network = session.access.options, session.access.network
    if not lab.agents:
        raise LabFailed(f"{scenario.name} needs a lab with agents: not one of --no-agents")
    if scenario.needs_links and (network is None or network.mode is Mode.LOOPBACK):
        raise LabFailed(f"{scenario.name} needs links that can be cut: network namespaces are not permitted here")
    if lab.hypervisors < scenario.hypervisors or lab.operators < scenario.operators:
        raise LabFailed(
            f"{scenario.name} needs {scenario.hypervisors} hypervisors and {scenario.operators} operator(s); "
            f"this lab has {lab.hypervisors} and {lab.operators}"
        )


async def _one(session: Session, scenario: HostScenario, options: RunOptions, vnf: Vnf | None, hit: Target) -> Run:
    if vnf is not None:
        await within(vnf.wait_all_ready(STEP_SECONDS))
    victims = [vmi for vmi in vnf.ready_vmis() if vmi["status"]["nodeName"] in hit.nodes] if vnf is not None else []
    await kill_beside(session, options, hit.random)
    mark = await session.vim.mark()
    values: dict[str, float | None] = {}
    try:
        injection = await scenario.inject(session, hit)
        await session.vim.injected(injection.target, injection.at)
        for word in scenario.words:
            record = await _told(session, word, hit, mark)
            values[word.measure] = (record.at - injection.at) / 1e6
            if word.outage:
                values[word.outage] = _outage_ms(word, record)
        if scenario.vms_fail and victims:
            values[LAST_VM] = await _vms_told(session, scenario, hit, victims, injection, mark)
        await _quiet(session, scenario, vnf, victims, mark)
    finally:
        if scenario.restore is not None:
            restored = await scenario.restore(session, hit)
    if scenario.restore is not None:
        for word in scenario.cleared:
            record = await _told(session, word, hit, mark)
            values[word.measure] = (record.at - restored.at) / 1e6
    await wait_all_up(session)
    _allow(scenario, (await session.vim.refresh())[mark:])
    return Run(values)


def _outage_ms(word: Word, record: Received) -> float:
    """The outage that a notification speaks of: 0 where it says that no probe was lost."""
    found = _OUTAGE.search(record.message)
    if found is None and "no probe was lost" not in record.message:
        raise LabFailed(f"{record.type} of {record.subject} does not say how long it took: {record.message!r}")
    outage = float(found[1]) if found is not None else 0.0
    if outage > word.outage_at_most_ms:
        raise LabFailed(f"{record.subject}: {record.message}; at most {word.outage_at_most_ms:.0f} ms are allowed")
    return outage


async def _told(session: Session, word: Word, hit: Target, mark: int) -> Received:
    """The notification that says it; of several, the last."""
    last: Received | None = None
    for node in hit.nodes if word.each_node else hit.nodes[:1]:
        subject = word.about.format(**{**hit.names(), "node": node})

        def says(item: Received, subject: str = subject) -> bool:
            return (
                (item.kind, item.state, item.subject) == (word.kind, word.state, subject)
                and word.cause in ("", item.cause)
                and not item.duplicate
            )

        try:
            record = await session.vim.wait_for(says, mark, word.within_seconds)
        except TimeoutError as error:
            heard = [f"{item.type} ({item.cause}) of {item.subject}" for item in (await session.vim.refresh())[mark:]]
            cause = f" ({word.cause})" if word.cause else ""
            raise LabFailed(
                f"the VIM was not told {word.kind} {word.state}{cause} of {subject}: {error}; "
                f"it was told: {', '.join(heard[:20]) or 'nothing'}"
            ) from error
        if not record.verified:
            raise LabFailed(f"notification {record.id} about {subject} is not signed as it should be")
        last = record if last is None or record.at > last.at else last
    if last is None:
        raise LabFailed("the scenario hits no node")
    return last


async def _vms_told(
    session: Session,
    scenario: HostScenario,
    hit: Target,
    victims: Sequence[JsonObject],
    injection: Injection,
    mark: int,
) -> float:
    """Milliseconds until the last VM of the host was told as failed, each as a child of the host's incident."""
    host = await _told(session, scenario.words[0], hit, mark)
    latest = 0
    for vmi in victims:
        uid = uid_of(vmi)
        try:
            record = await session.vim.wait_for(_failed(uid), mark, STEP_SECONDS)
        except TimeoutError as error:
            raise LabFailed(f"the VIM was not told that {target(vmi)} failed with its host: {error}") from error
        if record.parent != host.incident:
            raise LabFailed(f"vm.failed of {target(vmi)} is no child of {host.incident} but of {record.parent!r}")
        latest = max(latest, record.at)
    return (latest - injection.at) / 1e6


def _failed(uid: str) -> Callable[[Received], bool]:
    return lambda item: item.uid == uid and item.type == "vm.failed"


async def _quiet(
    session: Session, scenario: HostScenario, vnf: Vnf | None, victims: Sequence[JsonObject], mark: int
) -> None:
    """For a while nothing must come that may not, and nobody must take the place of a VM whose end is not proven."""
    deadline = time.monotonic() + scenario.quiet_seconds
    while (left := deadline - time.monotonic()) > 0:
        _allow(scenario, (await session.vim.refresh(left))[mark:])
    if vnf is None or scenario.replaced_early:
        return
    for vmi in victims:
        if vnf.successor(vmi) is not None:
            raise LabFailed(f"{target(vmi)} was replaced, and must not be: nothing proves that it ended")


def _allow(scenario: HostScenario, records: Sequence[Received]) -> None:
    for record in records:
        if record.state == "raised" and record.kind in scenario.forbidden:
            raise LabFailed(f"the VIM was told {record.type} ({record.cause}) of {record.subject}: it must not be")


async def wait_all_up(session: Session, timeout_seconds: float = STEP_SECONDS) -> None:
    """Until every sentinel holds every hypervisor for up, and their objects say so.

    Raises:
        LabFailed: not in time.
    """
    wanted = {node.name for node in session.access.options.nodes()}
    deadline = time.monotonic() + timeout_seconds
    while True:
        states = {
            name_of(item): (item.get("status") or {}).get("state") for item in await session.client.list(HYPERVISORS)
        }
        if all(states.get(name) == UP for name in wanted):
            break
        if time.monotonic() > deadline:
            raise LabFailed(f"not all hypervisors are up within {timeout_seconds:.0f} s: {states}")
        await asyncio.sleep(_POLL_SECONDS)
    network = session.access.network
    if network is not None:
        await wait_seats(network, session.access.sentinels, len(wanted), timeout_seconds)
