"""Which processes are watched, and how each is asked for a sign of life."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from nfvi_ha.core.fault import Severity


class CheckKind(StrEnum):
    """How a process is asked."""

    HTTP = "http"
    HTTPS = "https"
    LIBVIRT = "libvirt"
    CRI = "cri"
    OVS = "ovs"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class Check:
    """A question to a process. Any answer is a sign of life; of a command: exit status 0."""

    kind: CheckKind
    address: str = ""
    """Of HTTP: host:port/path; else the path of a Unix socket, in which {pid} stands for the process' pid."""
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """Which processes are meant: by unit, by executable and arguments, or by the labels of their pod."""

    unit: str = ""
    executable: str = ""
    """A name, or a whole path."""
    arguments: tuple[str, ...] = ()
    pod_labels: tuple[tuple[str, str], ...] = ()
    in_pods: bool = False
    """Whether an executable is looked for in pods, too; otherwise a container's sshd is none of the hypervisor."""


@dataclass(frozen=True, slots=True)
class WatchSpec:
    """One process that is watched."""

    name: str
    match: Match
    check: Check | None = None
    severity: Severity = Severity.MAJOR
    grace_seconds: float = 5.0
    required: bool = False

    @property
    def component(self) -> str:
        """Its name in faults."""
        return f"process/{self.name}"


@dataclass(frozen=True, slots=True)
class HealthLimits:
    """When a process counts as hung or flapping."""

    silent_in_a_row: int = 2
    answers_to_clear: int = 2
    start_seconds: float = 30.0
    """So long a process that was just started need not answer."""
    stopped_seconds: float = 0.5
    uninterruptible_seconds: float = 3.0
    missing_seconds: float = 30.0
    """So long one that is required need not have been seen after the agent's start."""
    flap_deaths: int = 3
    flap_seconds: float = 600.0


BUILT_IN: Final = (
    WatchSpec("kubelet", Match(executable="kubelet"), Check(CheckKind.HTTP, "127.0.0.1:10248/healthz")),
    WatchSpec(
        "containerd",
        Match(executable="containerd"),
        Check(CheckKind.CRI, "/run/containerd/containerd.sock"),
        Severity.CRITICAL,
    ),
    WatchSpec("crio", Match(executable="crio"), Check(CheckKind.CRI, "/run/crio/crio.sock"), Severity.CRITICAL),
    # Its HTTP server is on the pod's address; that it is stopped is seen without asking.
    WatchSpec("virt-handler", Match(executable="virt-handler", in_pods=True)),
    WatchSpec("virtqemud", Match(executable="virtqemud"), Check(CheckKind.LIBVIRT, "/run/libvirt/virtqemud-sock-ro")),
    WatchSpec("libvirtd", Match(executable="libvirtd"), Check(CheckKind.LIBVIRT, "/run/libvirt/libvirt-sock-ro")),
    WatchSpec(
        "ovs-vswitchd",
        Match(executable="ovs-vswitchd"),
        Check(CheckKind.OVS, "/run/openvswitch/ovs-vswitchd.{pid}.ctl"),
        Severity.CRITICAL,
    ),
    WatchSpec("ovsdb-server", Match(executable="ovsdb-server"), Check(CheckKind.OVS, "/run/openvswitch/db.sock")),
    WatchSpec("nova-compute", Match(executable="nova-compute")),
    WatchSpec("sshd", Match(executable="sshd"), severity=Severity.MINOR),
    WatchSpec("chronyd", Match(executable="chronyd"), severity=Severity.MINOR),
)
"""What most hypervisors run; what is not there is not watched."""


def watch_list(own: Iterable[WatchSpec], *, built_in: bool) -> tuple[WatchSpec, ...]:
    """What a policy lists, with the built-in ones of which it does not name one."""
    named = {spec.name: spec for spec in own}
    base = [named.pop(spec.name, spec) for spec in BUILT_IN] if built_in else []
    return (*base, *named.values())
