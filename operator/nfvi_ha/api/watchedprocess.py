"""Processes of a hypervisor that are watched for death and hang (M4), as an HAPolicy lists them."""

from datetime import timedelta
from typing import Annotated, Final, Literal

from pydantic import Field

from nfvi_ha.api.duration import Duration, between
from nfvi_ha.api.errors import CHECK_CONFLICT, MATCH_CONFLICT
from nfvi_ha.api.model import DNS_LABEL, ApiModel, Flag, Rule
from nfvi_ha.api.selector import Labels

UNIT: Final = r"^[A-Za-z0-9:_.@-]+\.(service|scope)$"
PATH: Final = r"^/[^\x00-\x20]*$"

AbsolutePath = Annotated[str, Field(min_length=2, max_length=255, pattern=PATH)]
ProcessName = Annotated[str, Field(min_length=1, max_length=63, pattern=DNS_LABEL)]

_ONE_MATCH: Final = "[has(self.systemdUnit), has(self.executable), has(self.podLabels)].filter(x, x).size() == 1"
_ONE_CHECK: Final = (
    "[has(self.http), has(self.libvirt), has(self.cri), has(self.ovs), has(self.command)].filter(x, x).size() == 1"
)


class ProcessMatch(ApiModel):
    """Which process is meant. Exactly one of systemdUnit, executable and podLabels is given."""

    rules = (
        Rule(
            reason=MATCH_CONFLICT,
            field="systemdUnit",
            message="give exactly one of systemdUnit, executable and podLabels",
            holds=lambda self: (
                sum(way is not None for way in (self.systemd_unit, self.executable, self.pod_labels)) == 1
            ),
            cel=_ONE_MATCH,
        ),
        Rule(
            reason=MATCH_CONFLICT,
            field="arguments",
            message="arguments narrow an executable down; give the executable too, or remove them",
            holds=lambda self: not self.arguments or self.executable is not None,
            cel="!has(self.arguments) || size(self.arguments) == 0 || has(self.executable)",
        ),
    )

    systemd_unit: Annotated[str, Field(max_length=255, pattern=UNIT)] | None = None
    """The main process of this systemd unit, like kubelet.service."""
    executable: Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00-\x20]+$")] | None = None
    """Name of the process's executable, like ovs-vswitchd, or its whole path."""
    arguments: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=255)], ...], Field(max_length=16)] = ()
    """Arguments that its command line must have, all of them, in any order."""
    pod_labels: Annotated[Labels, Field(min_length=1)] | None = None
    """The processes of Pods on the hypervisor that have all of these labels."""


class HTTPCheck(ApiModel):
    """A GET request to the hypervisor itself, on 127.0.0.1. Any answer is a sign of life, whatever its status."""

    port: Annotated[int, Field(strict=True, ge=1, le=65535)]
    """TCP port."""
    path: Annotated[str, Field(max_length=255, pattern=PATH.replace("[^\\x00-\\x20]*", "[^\\x00-\\x20#]*"))] = (
        "/healthz"
    )
    """Path of the request."""
    scheme: Literal["http", "https"] = "http"
    """https: the certificate is not verified, nothing secret is sent."""


class SocketCheck(ApiModel):
    """A harmless request over a Unix socket."""

    socket: AbsolutePath
    """Path of the socket on the hypervisor."""


class CommandCheck(ApiModel):
    """A command, run on the hypervisor without a shell. Exit status 0 in time is a sign of life."""

    command: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=1024)], ...], Field(min_length=1, max_length=32)
    ]
    """The executable's path and its arguments."""


class HangCheck(ApiModel):
    """How a living process is told from one that hangs. Exactly one way is given.

    A process that takes connections may hang all the same, so each way asks for an answer of the process itself.
    """

    rules = (
        Rule(
            reason=CHECK_CONFLICT,
            field="http",
            message="give exactly one of http, libvirt, cri, ovs and command",
            holds=lambda self: (
                sum(way is not None for way in (self.http, self.libvirt, self.cri, self.ovs, self.command)) == 1
            ),
            cel=_ONE_CHECK,
        ),
    )

    http: HTTPCheck | None = None
    """An HTTP request."""
    libvirt: SocketCheck | None = None
    """A call of libvirt's protocol, to libvirtd or virtqemud."""
    cri: SocketCheck | None = None
    """A Version call of the container runtime interface."""
    ovs: SocketCheck | None = None
    """An echo request in OVSDB's JSON-RPC, or a version request to a control socket."""
    command: CommandCheck | None = None
    """A command."""


class WatchedProcess(ApiModel):
    """A process that every governed hypervisor is expected to run."""

    name: ProcessName
    """Its name in reports: the resource is "<node>/process/<name>". One that has the name of a built-in entry takes
    that one's place."""
    match: ProcessMatch
    """Which process is meant."""
    hang: HangCheck | None = None
    """How it is told that it hangs. Only its death is watched for when absent."""
    severity: Literal["critical", "major", "minor", "warning"] = "major"
    """Severity of its faults."""
    grace: Annotated[Duration, between(timedelta(0), timedelta(minutes=10))] = timedelta(seconds=5)
    """A process that is back under another pid within this time was restarted; that clears its fault at once, and
    counts as flapping when it is repeated. From 0s to 10m."""
    required: Flag = False
    """Whether it is a fault that it was never seen since the hypervisor booted. Otherwise it is watched once it is
    there."""
