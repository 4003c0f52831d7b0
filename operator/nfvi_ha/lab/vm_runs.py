"""Runs of scenarios whose fault is on one VM of a VNF."""

import asyncio
import time
from collections.abc import AsyncGenerator
from random import Random
from typing import Final

from nfvi_ha.lab.errors import LabFailed
from nfvi_ha.lab.faults import Injection
from nfvi_ha.lab.objects import JsonObject, uid_of
from nfvi_ha.lab.play import QUIET_SECONDS, STEP_SECONDS, Run, RunOptions, Say, Session, kill_beside, new_vnf, within
from nfvi_ha.lab.scenarios.scenario import Scenario
from nfvi_ha.lab.vnf import Vnf, target

MEASURES: Final = ("notified_ms", "replacement_created_ms", "ready_ms")


async def vm_runs(session: Session, scenario: Scenario, options: RunOptions, say: Say) -> AsyncGenerator[Run]:
    """One run after the other.

    Raises:
        LabFailed: something that must happen did not, or something that must not did.
    """
    random = Random(options.seed)  # noqa: S311 - which VM is hit shall be repeatable
    rounds = [1] * options.count if scenario.fresh_vnf else [options.count]
    for index, length in enumerate(rounds, 1):
        last = options.lab_ends and index == len(rounds)
        async with new_vnf(session, options.replicas, remove=not last) as vnf:
            say(f"{options.replicas} VMs are Ready")
            for _ in range(length):
                yield await _one(session, scenario, options, vnf, random)


async def _one(session: Session, scenario: Scenario, options: RunOptions, vnf: Vnf, random: Random) -> Run:
    await within(vnf.wait_all_ready(STEP_SECONDS))
    victim = random.choice(vnf.ready_vmis())
    await kill_beside(session, options, random)
    mark = await session.vim.mark()
    try:
        injection = await scenario.inject(session.faults, victim)
        notified, (created, ready) = await asyncio.gather(
            _notified(session, scenario, victim, injection, mark), _replaced(scenario, vnf, victim, injection)
        )
        if scenario.forbidden or not scenario.replaced:
            await _quiet(session, scenario, vnf, victim, mark)
        if scenario.vm_lives and not session.faults.vm_alive(victim):
            raise LabFailed(f"the process of {target(victim)} ended, and must not have")
    finally:
        if scenario.restore is not None:
            await scenario.restore(session.faults, victim)
    return Run(dict(zip(MEASURES, (notified, created, ready), strict=True)))


async def _notified(
    session: Session, scenario: Scenario, victim: JsonObject, injection: Injection, mark: int
) -> float | None:
    await session.vim.injected(injection.target, injection.at)
    if not scenario.notified:
        return None
    uid = uid_of(victim)
    try:
        record = await session.vim.wait_for(
            lambda item: item.uid == uid and item.type in scenario.notified, mark, STEP_SECONDS
        )
    except TimeoutError as error:
        wanted = " or ".join(scenario.notified)
        raise LabFailed(f"the VIM was not told {wanted} of {injection.target}: {error}") from error
    if not record.verified:
        raise LabFailed(f"notification {record.id} about {injection.target} is not signed as it should be")
    return (record.at - injection.at) / 1e6


async def _replaced(
    scenario: Scenario, vnf: Vnf, victim: JsonObject, injection: Injection
) -> tuple[float | None, float | None]:
    if not scenario.replaced:
        return None, None

    def ready_at() -> int | None:
        life = vnf.successor(victim)
        return life.ready_at if life is not None else None

    what = f"a Ready replacement of {injection.target}"
    await within(vnf.wait_until(lambda: ready_at() is not None, STEP_SECONDS, what))
    life, ready = vnf.successor(victim), ready_at()
    if life is None or ready is None:
        raise LabFailed(f"{what} came and went")
    return (life.seen_at - injection.at) / 1e6, (ready - injection.at) / 1e6


async def _quiet(session: Session, scenario: Scenario, vnf: Vnf, victim: JsonObject, mark: int) -> None:
    """For a while nothing must come that may not."""
    deadline, uid = time.monotonic() + QUIET_SECONDS, uid_of(victim)
    while (left := deadline - time.monotonic()) > 0:
        for record in (await session.vim.refresh(left))[mark:]:
            if record.uid == uid and record.type in scenario.forbidden:
                raise LabFailed(f"the VIM was told {record.type} ({record.cause}) of {record.subject}: it must not be")
    if not scenario.replaced and vnf.successor(victim) is not None:
        raise LabFailed(f"{target(victim)} was replaced, and must not be: nothing proves that it ended")
