"""Raising and clearing: which faults of a hypervisor are open, under which boot and episode."""

from typing import Final

from nfvi_ha.core.fault import Confidence, FaultKind, Severity
from nfvi_ha.core.verdict import outputs
from nfvi_ha.core.verdict.classify import Finding
from nfvi_ha.core.verdict.node import HOST_FAULTS, Node, Raised
from nfvi_ha.core.verdict.outputs import Clear, Output, Raise

CLEARED_HEARD: Final = "beats are heard again"
CLEARED_REBOOTED: Final = "rebooted: beats are heard again, from another boot"
CLEARED_OTHERS_HEAR: Final = "other sentinels hear its beats"
CLEARED_SERVES: Final = "it accepts connections again; its agent is silent"
CLEARED_NO_NETWORK: Final = "that network is not configured any more"
CLEARED_UNGOVERNED: Final = "it is not governed any more"
CLEARED_GONE: Final = "its node was removed from the cluster; nothing is said of whether it works"

REBOOT_EPISODE: Final = 1_000_000
"""A boot ends once. Seats see it at the same instant, with no time to agree on a number."""

SEVERITY: Final = {
    FaultKind.HYPERVISOR_FAILED: Severity.CRITICAL,
    FaultKind.AGENT_LOST: Severity.MAJOR,
    FaultKind.HYPERVISOR_UNREACHABLE: Severity.MAJOR,
}

MESSAGES: Final = {
    outputs.CAUSE_SILENT: "no beat, and no probe by sentinels or peers was answered on any network",
    outputs.CAUSE_MASS_FAILURE: "it fell silent together with many others",
    outputs.CAUSE_HUNG: "its kernel answers, but nothing above it gives a sign of life",
    outputs.CAUSE_NO_QUORUM: "one sentinel does not reach it, and no quorum confirms or denies it",
    outputs.CAUSE_AGENT_SILENT: "its agent sends no beats, but the host accepts connections",
    outputs.CAUSE_PATH_LOST: "no sentinel reaches it, but its peers do",
    outputs.CAUSE_KERNEL_ANSWERS: "its agent sends no beats, and no service of it is known that could be asked",
}


def raise_host(node: Node, finding: Finding, *, mass: bool) -> list[Output]:
    """Raise what was found; whatever else of the host was open ends in it."""
    kind = finding.fault
    if kind is None:
        return []
    episode, boot_id = node.next_episode(kind, ""), node.boot_id or node.facts.boot_id
    failed = kind is FaultKind.HYPERVISOR_FAILED
    cause = outputs.CAUSE_MASS_FAILURE if mass and failed else finding.reason
    raised: list[Output] = []
    if (kind, "") not in node.raised:
        node.raised[kind, ""] = Raised(boot_id, episode)
        raised.append(
            Raise(
                kind=kind,
                node=node.name,
                network="",
                cause=cause,
                message=MESSAGES[cause],
                severity=SEVERITY[kind],
                confidence=finding.confidence,
                boot_id=boot_id,
                episode=episode,
                with_vms=failed,
                parent_mass=mass and failed,
            )
        )
    return [*raised, *clear_host(node, f"it is {kind.value} now", but=kind)]


def clear_host(node: Node, message: str, *, but: FaultKind | None = None) -> list[Output]:
    """Clear what is open of the whole host."""
    cleared: list[Output] = []
    for kind in HOST_FAULTS:
        if kind is not but:
            cleared += clear(node, kind, "", message)
    if but is None:
        node.outage_over()
    return cleared


def clear_all(node: Node, message: str) -> list[Output]:
    """Clear whatever is open, on networks too."""
    return [output for kind, network in tuple(node.raised) for output in clear(node, kind, network, message)]


def clear(node: Node, kind: FaultKind, network: str, message: str) -> list[Output]:
    """Clear one fault."""
    raised = node.raised.pop((kind, network), None)
    if raised is None:
        return []
    if raised.boot_id == (node.boot_id or raised.boot_id):
        node.closed[kind, network] = raised.episode
    return [Clear(kind, node.name, network, raised.boot_id, raised.episode, message)]


def raise_network(node: Node, network: str, confidence: Confidence) -> list[Output]:
    """It is heard, but not on this network."""
    if (FaultKind.HYPERVISOR_NETWORK, network) in node.raised:
        return []
    episode = node.next_episode(FaultKind.HYPERVISOR_NETWORK, network)
    node.raised[FaultKind.HYPERVISOR_NETWORK, network] = Raised(node.boot_id, episode)
    return [
        Raise(
            kind=FaultKind.HYPERVISOR_NETWORK,
            node=node.name,
            network=network,
            cause=outputs.CAUSE_NETWORK_SILENT,
            message=f"its beats arrive on other networks, on {network} they do not",
            severity=Severity.MAJOR,
            confidence=confidence,
            boot_id=node.boot_id,
            episode=episode,
        )
    ]


def rebooted(node: Node, old_boot: str) -> list[Output]:
    """Another boot id without a failure before: it went down and came back faster than silence is noticed.

    The VMs of the old boot are gone, which is said at once; the host itself is back, which is said with it.
    """
    failed = (FaultKind.HYPERVISOR_FAILED, "")
    if failed in node.raised or node.closed.get(failed, -1) >= node.episode:
        # Told in this very outage already, with its VMs; since then it only accepted connections.
        return []
    node.raised[failed] = Raised(old_boot, REBOOT_EPISODE)
    message = "it runs another boot than before: it rebooted without a word, and its VMs are gone"
    return [
        Raise(
            kind=FaultKind.HYPERVISOR_FAILED,
            node=node.name,
            network="",
            cause=outputs.CAUSE_REBOOTED,
            message=message,
            severity=Severity.CRITICAL,
            confidence=Confidence.HIGH,
            boot_id=old_boot,
            episode=REBOOT_EPISODE,
            with_vms=True,
        )
    ]


def report_vms(node: Node, boot_id: str, cause: str, message: str) -> list[Output]:
    """Its VMs are lost while it is away as announced: they are reported, the host is not."""
    if node.vms_reported:
        return []
    node.vms_reported = True
    return [
        Raise(
            kind=FaultKind.VM_FAILED,
            node=node.name,
            network="",
            cause=cause,
            message=message,
            severity=Severity.CRITICAL,
            confidence=Confidence.HIGH,
            boot_id=boot_id,
            episode=0,
            with_vms=True,
        )
    ]
