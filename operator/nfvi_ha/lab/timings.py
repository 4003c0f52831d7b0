"""The delays of real components that the lab stands in for, and where each figure comes from.

A latency shown by the lab is worth as much as these: every report prints them beside its result.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final, Self

SpanSeconds = tuple[float, float]
"""Lowest and highest value in seconds; each use draws one, evenly."""


STANDS_FOR: Final[Mapping[str, str]] = {
    "pod_start_seconds": "bound pod -> `compute` container running (assumed; the image is already there)",
    "boot_seconds": "VM process started -> virt-handler writes Running (assumed)",
    "stopped_event_seconds": "qemu death -> libvirt's STOPPED event -> virt-handler writes it (measured, libvirt 9)",
    "launcher_exit_seconds": "final phase -> virt-launcher exits 0 (KubeVirt source: it looks for qemu once a second)",
    "container_status_seconds": "container exit -> kubelet reports it terminated (it relists containers each second)",
    "launcher_watchdog_seconds": "launcher crash -> virt-handler gives it up (KubeVirt source: 30 s, 11 s ticks)",
    "lease_renew_seconds": "kubelet renews its node Lease (kubelet default)",
    "lease_duration_seconds": "duration written into the node Lease (kubelet default)",
    "heartbeat_seconds": "virt-handler renews kubevirt.io/heartbeat on its node (KubeVirt source)",
    "node_grace_seconds": "node Lease silent -> Ready=Unknown, unreachable taints (node-monitor-grace-period)",
    "node_monitor_seconds": "node lifecycle looks at the Leases (node-monitor-period)",
}
_NOT_SCALED: Final = frozenset({"lease_duration_seconds"})


@dataclass(frozen=True, slots=True)
class LabTimings:
    """All delays in seconds, explained in ``STANDS_FOR``.

    ``scaled(0.1)`` makes everything ten times faster, for tests that only want the order of things.
    """

    pod_start_seconds: float = 0.5
    boot_seconds: float = 1.0
    stopped_event_seconds: SpanSeconds = (0.210, 0.260)
    launcher_exit_seconds: SpanSeconds = (0.0, 1.0)
    container_status_seconds: SpanSeconds = (1.0, 2.0)
    launcher_watchdog_seconds: SpanSeconds = (33.0, 44.0)
    lease_renew_seconds: float = 10.0
    lease_duration_seconds: int = 40
    heartbeat_seconds: SpanSeconds = (60.0, 132.0)
    node_grace_seconds: float = 40.0
    node_monitor_seconds: float = 5.0

    def scaled(self, factor: float) -> Self:
        """All delays multiplied by ``factor`` (> 0); the Lease duration, an API value in whole seconds, stays.

        Raises:
            ValueError: ``factor`` is not positive.
        """
        if factor <= 0:
            raise ValueError(f"timings can only be scaled by a positive factor, not {factor}")
        changes: dict[str, Any] = {}
        for item in dataclasses.fields(self):
            if item.name not in _NOT_SCALED:
                value = getattr(self, item.name)
                changes[item.name] = (
                    (value[0] * factor, value[1] * factor) if isinstance(value, tuple) else value * factor
                )
        return dataclasses.replace(self, **changes)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values; spans become two-element lists."""
        return {
            item.name: list(value) if isinstance(value := getattr(self, item.name), tuple) else value
            for item in dataclasses.fields(self)
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """The reverse of ``to_json``.

        Raises:
            TypeError: a name is not a timing.
        """
        spans: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
        }
        return cls(**spans)

    def described(self) -> list[tuple[str, str, str]]:
        """(name, value with its unit, what it stands for) per timing, in order of a VM's life."""
        return [
            (item.name.removesuffix("_seconds"), _show(getattr(self, item.name)), STANDS_FOR[item.name])
            for item in dataclasses.fields(self)
        ]


def _show(value: float | SpanSeconds) -> str:
    if isinstance(value, tuple):
        return f"{value[0]:g}-{value[1]:g} s"
    return f"{value:g} s"


def draw(span: SpanSeconds, random: Random) -> float:
    """One delay out of the span, in seconds."""
    return random.uniform(*span)


DEFAULT_TIMINGS: Final = LabTimings()
