"""Runs a scenario n times on a lab and measures what followed each fault."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from nfvi_ha.lab.bench.machine import machine
from nfvi_ha.lab.bench.percentiles import summary
from nfvi_ha.lab.errors import LabFailed
from nfvi_ha.lab.host_runs import host_runs
from nfvi_ha.lab.play import Run, RunOptions, Say, Session
from nfvi_ha.lab.scenarios import AnyScenario
from nfvi_ha.lab.scenarios.host_scenario import HostScenario
from nfvi_ha.lab.vm_runs import vm_runs
from nfvi_ha.lab.world import LabOptions


async def run_scenario(session: Session, scenario: AnyScenario, options: RunOptions, say: Say) -> dict[str, Any]:
    """The result as ``nfvi-ha lab run -o json`` prints it.

    Raises:
        LabFailed: something that must happen did not, or something that must not did; says in which run.
    """
    done: list[Run] = []
    try:
        async with aclosing(_runs(session, scenario, options, say)) as runs:
            async for run in runs:
                done.append(run)
                say(f"{len(done)}/{options.count} {run}")
    except LabFailed as error:
        raise LabFailed(f"run {len(done) + 1} of {options.count}: {error}") from error
    return _result(session, scenario, options, done)


def lab_for(
    scenario: AnyScenario, options: RunOptions, *, hypervisors: int | None, operators: int | None, agents: bool
) -> LabOptions:
    """The lab that a scenario gets for itself; None takes what it needs."""
    least = LabOptions()
    if isinstance(scenario, HostScenario):
        least = replace(least, hypervisors=scenario.hypervisors, operators=scenario.operators)
    if options.kill_leader:
        least = replace(least, operators=max(2, least.operators))
    return replace(
        least,
        hypervisors=hypervisors or least.hypervisors,
        operators=operators or least.operators,
        agents=agents,
        seed=options.seed,
    )


def _runs(session: Session, scenario: AnyScenario, options: RunOptions, say: Say) -> AsyncGenerator[Run]:
    if isinstance(scenario, HostScenario):
        return host_runs(session, scenario, options, say)
    return vm_runs(session, scenario, options, say)


def _result(session: Session, scenario: AnyScenario, options: RunOptions, runs: list[Run]) -> dict[str, Any]:
    lab = session.access.options
    network = session.access.network
    return {
        "scenario": scenario.name,
        "machine": machine(session.access.kubernetes),
        "detection": scenario.detection if lab.agents else "API watch",
        "options": {
            "n": options.count,
            "replicas": options.replicas,
            "vms": options.vms,
            "hypervisors": lab.hypervisors,
            "operators": lab.operators,
            "sentinels": lab.sentinels if lab.agents else 0,
            "agents": lab.agents,
            "network": network.mode if network is not None else None,
            "seed": options.seed,
            "kill_leader": options.kill_leader,
            "kill_sentinel": options.kill_sentinel,
        },
        "stands_in_for": lab.timings.to_json(),
        "runs": [run.to_json() for run in runs],
        "summary": {name: _rounded(summary(run.values.get(name) for run in runs)) for name in _measures(runs)},
    }


def _measures(runs: Iterable[Run]) -> list[str]:
    """Names of all measures, in order of their first appearance."""
    return list(dict.fromkeys(name for run in runs for name in run.values))


def _rounded(values: dict[str, float | None]) -> dict[str, float | None]:
    return {name: None if value is None else round(value, 1) for name, value in values.items()}
