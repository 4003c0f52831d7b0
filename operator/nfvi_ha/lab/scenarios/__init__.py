"""The scenarios that ``nfvi-ha lab run`` knows, one file each."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from nfvi_ha.lab.scenarios import (
    agent_killed,
    agent_lost,
    agent_upgraded,
    daemon_hang,
    daemon_kill,
    guest_shutdown,
    handler_hung,
    hardware_ue,
    hypervisor_hung,
    hypervisor_off,
    hypervisor_off_api_down,
    launcher_kill,
    mgmt_cut,
    node_frozen,
    operator_lost,
    pod_lost,
    rack_cut,
    rack_cut_slow,
    reboot_clean,
    reboot_late,
    sentinel_isolated,
    sentinel_lost,
    sentinel_rescheduled,
    sentinel_stopped,
    storage_cut,
    storage_failover,
    storage_link_down,
    storage_pause,
    userspace_lost,
    vm_kill,
    vmi_delete,
)
from nfvi_ha.lab.scenarios.host_scenario import HostScenario
from nfvi_ha.lab.scenarios.scenario import Scenario

AnyScenario = Scenario | HostScenario

_MODULES: Final = (
    vm_kill,
    launcher_kill,
    pod_lost,
    node_frozen,
    storage_pause,
    guest_shutdown,
    vmi_delete,
    hypervisor_off,
    hypervisor_off_api_down,
    userspace_lost,
    hypervisor_hung,
    agent_lost,
    agent_killed,
    agent_upgraded,
    mgmt_cut,
    storage_cut,
    storage_link_down,
    storage_failover,
    reboot_clean,
    reboot_late,
    rack_cut,
    rack_cut_slow,
    handler_hung,
    hardware_ue,
    daemon_kill,
    daemon_hang,
    sentinel_lost,
    sentinel_isolated,
    sentinel_rescheduled,
    sentinel_stopped,
    operator_lost,
)
SCENARIOS: Final[Mapping[str, AnyScenario]] = MappingProxyType(
    {module.SCENARIO.name: module.SCENARIO for module in _MODULES}
)
