"""Runs a scenario n times on a lab and measures what followed each fault."""

import asyncio
import secrets
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from nfvi_ha.kube.client import KubeClient
from nfvi_ha.lab.bench.machine import machine
from nfvi_ha.lab.bench.percentiles import summary
from nfvi_ha.lab.errors import LabFailed
from nfvi_ha.lab.faults import Faults, Injection
from nfvi_ha.lab.objects import JsonObject, uid_of
from nfvi_ha.lab.scenarios.scenario import Scenario
from nfvi_ha.lab.vim import VimView
from nfvi_ha.lab.vnf import Vnf, target
from nfvi_ha.lab.world import LabAccess

FIRST_READY_SECONDS: Final = 120.0
STEP_SECONDS: Final = 90.0
"""Longest wait for any one thing that must follow a fault."""
QUIET_SECONDS: Final = 1.0
"""After a fault that must not be replaced, or not be reported, it is watched for so long beyond the rest."""
MEASURES: Final = ("notified_ms", "replacement_created_ms", "ready_ms")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Run:
    """One fault and what followed, in milliseconds from the fault; None for what must not happen."""

    notified_ms: float | None
    replacement_created_ms: float | None
    ready_ms: float | None

    def to_json(self) -> dict[str, float | None]:
        """With one decimal, as no clock here is better."""
        return {name: None if (value := getattr(self, name)) is None else round(value, 1) for name in MEASURES}


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a scenario is run."""

    count: int
    replicas: int = 5
    seed: int = 1
    kill_leader: bool = False
    """Also SIGKILL the leading operator, just before each fault."""
    lab_ends: bool = False
    """Whether the lab ends after it, so that its last VNF need not be put away."""


@dataclass(frozen=True, slots=True)
class Session:
    """A lab as scenarios use it."""

    access: LabAccess
    client: KubeClient
    vim: VimView
    faults: Faults


@asynccontextmanager
async def open_session(access: LabAccess) -> AsyncIterator[Session]:
    """Connect to a running lab, this process's own or another's."""
    async with (
        await KubeClient.connect(str(access.kubeconfig), user_agent="nfvi-ha-lab") as client,
        VimView(access.vim_url) as vim,
    ):
        yield Session(access, client, vim, Faults(access.hosts, client))


@asynccontextmanager
async def new_vnf(session: Session, replicas: int, *, remove: bool = True) -> AsyncIterator[Vnf]:
    """A VNFReplicaSet with all VMs Ready; ``remove`` deletes it afterwards (a lab that ends anyway need not wait).

    Raises:
        LabFailed: its VMs were not Ready in time.
    """
    vnf = Vnf(session.client, f"vnf-{secrets.token_hex(4)}", replicas)
    watching = asyncio.create_task(vnf.run())
    try:
        await vnf.create()
        await _within(vnf.wait_all_ready(FIRST_READY_SECONDS))
        yield vnf
        if remove:
            await _within(vnf.remove())
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


async def run_scenario(session: Session, scenario: Scenario, options: RunOptions, say: Say) -> dict[str, Any]:
    """The result as ``nfvi-ha lab run -o json`` prints it.

    Raises:
        LabFailed: something that must happen did not, or something that must not did; says in which run.
    """
    random = Random(options.seed)  # noqa: S311 - which VM is hit shall be repeatable
    runs: list[Run] = []
    if options.kill_leader and len(session.access.operators.names()) < 2:
        raise LabFailed("--kill-leader needs a lab with at least two operators: nfvi-ha lab up --operators 2")
    rounds = [1] * options.count if scenario.fresh_vnf else [options.count]
    for index, length in enumerate(rounds, 1):
        last = options.lab_ends and index == len(rounds)
        async with new_vnf(session, options.replicas, remove=not last) as vnf:
            say(f"{options.replicas} VMs are Ready")
            for _ in range(length):
                try:
                    run = await _one(session, scenario, options, vnf, random)
                except LabFailed as error:
                    raise LabFailed(f"run {len(runs) + 1} of {options.count}: {error}") from error
                runs.append(run)
                say(f"{len(runs)}/{options.count} {_show(run)}")
    return _result(session, scenario, options, runs)


def _result(session: Session, scenario: Scenario, options: RunOptions, runs: list[Run]) -> dict[str, Any]:
    return {
        "scenario": scenario.name,
        "machine": machine(session.access.kubernetes),
        "detection": scenario.detection,
        "options": {
            "n": options.count,
            "replicas": options.replicas,
            "hypervisors": session.access.options.hypervisors,
            "operators": session.access.options.operators,
            "seed": options.seed,
            "kill_leader": options.kill_leader,
        },
        "stands_in_for": session.access.options.timings.to_json(),
        "runs": [run.to_json() for run in runs],
        "summary": {name: _rounded(summary(getattr(run, name) for run in runs)) for name in MEASURES},
    }


async def _one(session: Session, scenario: Scenario, options: RunOptions, vnf: Vnf, random: Random) -> Run:
    await _within(vnf.wait_all_ready(STEP_SECONDS))
    victim = random.choice(vnf.ready_vmis())
    if options.kill_leader:
        await _kill_leader(session)
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
    return Run(notified, created, ready)


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
    await _within(vnf.wait_until(lambda: ready_at() is not None, STEP_SECONDS, what))
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


async def _kill_leader(session: Session) -> None:
    """SIGKILL the leader; before that all replicas are ready, so that the others are as hot as they ever get."""
    replicas = session.access.operators
    deadline = time.monotonic() + STEP_SECONDS
    while (waiting := await replicas.not_ready()) or (leader := await replicas.leader(session.client)) is None:
        if time.monotonic() > deadline:
            raise LabFailed(f"no ready leader to kill: {waiting or 'nobody holds the Lease'}")
        await asyncio.sleep(0.1)
    replicas.signal(leader, signal.SIGKILL)


async def _within(awaitable: Any) -> None:
    try:
        await awaitable
    except TimeoutError as error:
        raise LabFailed(str(error) or "not in time") from error


def _rounded(values: dict[str, float | None]) -> dict[str, float | None]:
    return {name: None if value is None else round(value, 1) for name, value in values.items()}


def _show(run: Run) -> str:
    values = run.to_json()
    return "  ".join(f"{name.removesuffix('_ms')} {values[name]} ms" for name in MEASURES if values[name] is not None)
