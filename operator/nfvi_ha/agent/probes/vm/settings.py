"""Settings of the VM probe, as people write them under ``probes.vm``."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel


class VmProbeSettings(BaseModel):
    """All have defaults."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)

    period_ms: Annotated[int, Field(ge=10, le=1000)] = 75
    """Between two looks at all VMs. Each look costs 6 to 10 us, most of it the kernel's; with 50 VMs and 50 ms that
    would be a percent of a core. Small VMs and those on huge pages are told by their pidfd, at once."""
    rescan_ms: Annotated[int, Field(ge=50, le=10_000)] = 1000
    """Between two searches for VMs that are new."""
    stopped_ms: Annotated[int, Field(ge=100, le=600_000)] = 1000
    """A VM whose process is stopped for longer is stuck."""
    uninterruptible_ms: Annotated[int, Field(ge=100, le=600_000)] = 3000
    """A VM whose process is in one uninterruptible sleep for longer is stuck."""
    cgroups: Literal["auto", "process", "directory"] = "auto"
    """Where a process' pod is read: in /proc/<pid>/cgroup, or by the cgroup.procs files below cgroupRoot. "auto" reads
    the latter where cgroupRoot is not the system's."""
    connector: bool = True
    """Whether to listen to the kernel's proc connector, where that is permitted."""
    outside_pods: bool = False
    """Whether a qemu in no pod is a VM, too: one of libvirt without KubeVirt, whose uid is its ``-uuid``."""


def read_settings(raw: Any) -> VmProbeSettings:
    """Checked settings.

    Raises:
        ValueError: one is wrong; the message names it.
    """
    try:
        return VmProbeSettings.model_validate(raw)
    except ValidationError as error:
        each = error.errors(include_url=False)[0]
        place = ".".join(("probes", "vm", *map(str, each["loc"])))
        raise ValueError(f"{place}: {each['msg']}") from error
