"""H1: a replica of the operator is gone: told by the sentinels."""

import signal
from typing import Final

from nfvi_ha.lab.faults import Injection
from nfvi_ha.lab.play import Session
from nfvi_ha.lab.scenarios.host_scenario import HostScenario, Target, Word


async def _inject(session: Session, hit: Target) -> Injection:
    replicas = session.access.operators
    name = hit.random.choice(replicas.names())
    hit.notes["operator"] = name
    replicas.hold(name)
    at = Injection.now("operator-lost", name)
    replicas.signal(name, signal.SIGKILL)
    return at


async def _restore(session: Session, hit: Target) -> Injection:
    session.access.operators.release(hit.notes["operator"])
    return Injection.now("operator-started", hit.notes["operator"])


SCENARIO: Final = HostScenario(
    name="operator-lost",
    summary="SIGKILL to a replica of the operator that is not started again at once: ha.redundancy.lost.",
    inject=_inject,
    words=(Word("ha.redundancy.lost", "OperatorReplica/{operator}"),),
    forbidden=("hypervisor.failed", "hypervisor.unreachable", "agent.lost", "vm.failed", "nfvi.mass.failure"),
    restore=_restore,
    cleared=(Word("ha.redundancy.lost", "OperatorReplica/{operator}", "cleared_ms", state="cleared"),),
    operators=2,
)
