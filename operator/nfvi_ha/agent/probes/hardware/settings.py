"""Settings of the hardware probe, as people write them under ``probes.hardware``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from nfvi_ha.core.hardware.rule import Rate, Rule, with_rates
from nfvi_ha.core.hardware.rules import RULES

Command = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(max_length=16)]
PeriodMs = Annotated[int, Field(ge=100, le=3_600_000)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)


class RateSetting(_Part):
    """More than ``count`` within ``seconds`` is told."""

    count: Annotated[int, Field(ge=1, le=1_000_000)]
    seconds: Annotated[float, Field(gt=0, le=2_592_000)]


class HardwareProbeSettings(_Part):
    """All have defaults."""

    sysfs_root: Path | None = None
    """Without: the agent's."""
    kmsg_path: Path | None = None
    """Without: the agent's."""
    smartctl: Command = ("smartctl",)
    """Command and what goes before its arguments, e.g. ``[nsenter, -t, "1", -m, smartctl]``; [] for none."""
    nvme: Command = ("nvme",)
    """The same of nvme-cli; without it NVMe disks are read by smartctl."""
    device_root: Path = Path("/dev")
    """Where disks are."""
    memory_ms: PeriodMs = 500
    """Between two looks at EDAC's counters."""
    pcie_ms: PeriodMs = 1_000
    """At AER's counters; a line of the kernel log about one has them looked at at once."""
    temperature_ms: PeriodMs = 3_000
    throttling_ms: PeriodMs = 10_000
    disk_state_ms: PeriodMs = 500
    disk_health_ms: PeriodMs = 60_000
    """At all disks' SMART and NVMe logs."""
    adapter_ms: PeriodMs = 10_000
    command_timeout_ms: Annotated[int, Field(ge=100, le=120_000)] = 10_000
    """A command that takes longer is killed, with all that it started."""
    kernel_log_facility: Annotated[int, Field(ge=0, le=23)] = 0
    """Records up to this facility are believed. More than 0 in tests only: programs may write those."""
    look_back: bool = True
    """Whether the first agent of a boot looks for failures in what the log had before it started."""
    rates: Mapping[str, RateSetting] = {}
    """Other rates for some rules, by the rule's name."""

    @model_validator(mode="after")
    def _rates_fit(self) -> "HardwareProbeSettings":
        self.rules()
        return self

    def rules(self) -> dict[str, Rule]:
        """All rules by name, with these rates.

        Raises:
            ValueError: a rate is that of no rule.
        """
        return with_rates(RULES, {name: Rate(rate.count, rate.seconds) for name, rate in self.rates.items()})


def read_settings(raw: Any) -> HardwareProbeSettings:
    """Checked settings.

    Raises:
        ValueError: one is wrong; the message names it.
    """
    try:
        return HardwareProbeSettings.model_validate(raw)
    except ValidationError as error:
        each = error.errors(include_url=False)[0]
        place = ".".join(("probes", "hardware", *map(str, each["loc"])))
        raise ValueError(f"{place}: {each['msg'].removeprefix('Value error, ')}") from error
