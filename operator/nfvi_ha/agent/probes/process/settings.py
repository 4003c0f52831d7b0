"""Settings of the process probe, as people write them under ``probes.process``; its list as in an HAPolicy."""

from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from nfvi_ha.api.watchedprocess import HangCheck, WatchedProcess
from nfvi_ha.core.fault import Severity
from nfvi_ha.core.hostprocess.spec import Check, CheckKind, HealthLimits, Match, WatchSpec

LOOPBACK: Final = "127.0.0.1"


class ProcessProbeSettings(BaseModel):
    """All have defaults."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)

    built_in_processes: bool = True
    """Whether the built-in list holds where no policy says otherwise."""
    watched_processes: tuple[WatchedProcess, ...] = ()
    """Beside the built-in ones, or in their place; a policy's list takes the place of all of these."""
    policies: bool = True
    """Whether the list of the HAPolicy that governs this node is watched for."""
    period_ms: Annotated[int, Field(ge=20, le=10_000)] = 250
    """Between two questions to a process."""
    timeout_ms: Annotated[int, Field(ge=20, le=10_000)] = 300
    """So long an answer is waited for."""
    command_timeout_ms: Annotated[int, Field(ge=50, le=30_000)] = 1000
    """So long a command may run, which is asked for once in that time."""
    look_ms: Annotated[int, Field(ge=20, le=10_000)] = 100
    """Between two looks whether they are stopped."""
    rescan_ms: Annotated[int, Field(ge=50, le=60_000)] = 1000
    """Between two searches for processes that are new; after a death a tenth of that."""
    host_root: str = ""
    """Directory that stands before the paths of sockets."""
    http_host: str = LOOPBACK
    """Where HTTP is asked for; another than loopback in a lab without network namespaces."""
    scope: Literal["host", "group"] = "host"
    """group: processes of our own process group only, as those of a simulated hypervisor are."""
    stopped_ms: Annotated[int, Field(ge=50, le=600_000)] = 500
    start_seconds: Annotated[float, Field(ge=0, le=3600)] = 30.0
    """So long a process that was just started need not answer."""
    missing_seconds: Annotated[float, Field(ge=0, le=3600)] = 30.0
    """So long one that is required need not be there after the agent's start."""
    flap_deaths: Annotated[int, Field(ge=2, le=100)] = 3
    flap_seconds: Annotated[float, Field(ge=1, le=86_400)] = 600.0

    def limits(self) -> HealthLimits:
        """As decisions want them."""
        return HealthLimits(
            start_seconds=self.start_seconds,
            stopped_seconds=self.stopped_ms / 1000,
            missing_seconds=self.missing_seconds,
            flap_deaths=self.flap_deaths,
            flap_seconds=self.flap_seconds,
        )


def read_settings(raw: Any) -> ProcessProbeSettings:
    """Checked settings.

    Raises:
        ValueError: one is wrong; the message names it.
    """
    try:
        return ProcessProbeSettings.model_validate(raw)
    except ValidationError as error:
        each = error.errors(include_url=False)[0]
        place = ".".join(("probes", "process", *map(str, each["loc"])))
        raise ValueError(f"{place}: {each['msg']}") from error


def specs(listed: Iterable[WatchedProcess]) -> tuple[WatchSpec, ...]:
    """Entries as people write them, as decisions want them."""
    return tuple(_spec(each) for each in listed)


def _spec(entry: WatchedProcess) -> WatchSpec:
    match = entry.match
    return WatchSpec(
        name=entry.name,
        match=Match(
            unit=match.systemd_unit or "",
            executable=match.executable or "",
            arguments=match.arguments,
            pod_labels=tuple(sorted((match.pod_labels or {}).items())),
        ),
        check=_check(entry.hang) if entry.hang is not None else None,
        severity=Severity(entry.severity),
        grace_seconds=entry.grace.total_seconds(),
        required=entry.required,
    )


def _check(hang: HangCheck) -> Check:
    if hang.http is not None:
        kind = CheckKind.HTTPS if hang.http.scheme == "https" else CheckKind.HTTP
        return Check(kind, f"{LOOPBACK}:{hang.http.port}{hang.http.path}")
    if hang.command is not None:
        return Check(CheckKind.COMMAND, command=hang.command.command)
    for kind, way in ((CheckKind.LIBVIRT, hang.libvirt), (CheckKind.CRI, hang.cri), (CheckKind.OVS, hang.ovs)):
        if way is not None:
            return Check(kind, way.socket)
    raise ValueError("a hang check without a way to ask")
