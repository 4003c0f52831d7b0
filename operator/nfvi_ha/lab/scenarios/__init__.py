"""The scenarios that ``nfvi-ha lab run`` knows, one file each."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from nfvi_ha.lab.scenarios import (
    guest_shutdown,
    launcher_kill,
    node_frozen,
    pod_lost,
    storage_pause,
    vm_kill,
    vmi_delete,
)
from nfvi_ha.lab.scenarios.scenario import Scenario

SCENARIOS: Final[Mapping[str, Scenario]] = MappingProxyType(
    {
        module.SCENARIO.name: module.SCENARIO
        for module in (vm_kill, launcher_kill, pod_lost, node_frozen, storage_pause, guest_shutdown, vmi_delete)
    }
)
