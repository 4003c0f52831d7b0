"""Which probes there are."""

from typing import Final

from prometheus_client import CollectorRegistry

from nfvi_ha.agent.config import AgentConfig
from nfvi_ha.agent.probe import Probe
from nfvi_ha.agent.probes.hardware.metrics import HardwareMetrics
from nfvi_ha.agent.probes.hardware.probe import hardware_probe
from nfvi_ha.agent.probes.link.metrics import LinkMetrics
from nfvi_ha.agent.probes.link.probe import link_probe
from nfvi_ha.agent.probes.process.metrics import ProcessMetrics
from nfvi_ha.agent.probes.process.probe import process_probe
from nfvi_ha.agent.probes.vm.metrics import VmMetrics
from nfvi_ha.agent.probes.vm.probe import vm_probe
from nfvi_ha.kube.client import KubeClient

METRICS: Final = (VmMetrics, ProcessMetrics, LinkMetrics, HardwareMetrics)
"""What the probes count; the reference page is made from it."""


def probes(config: AgentConfig, client: KubeClient | None, registry: CollectorRegistry) -> tuple[Probe, ...]:
    """All probes of this agent; ``config.probes`` has the settings of each by its name.

    ``client`` is None where there is no Kubernetes configuration at all.

    Raises:
        ValueError: a setting is wrong; the message names it.
        OSError: procfs has no boot id.
    """
    return (
        vm_probe(config, client, registry),
        process_probe(config, client, registry),
        link_probe(config, registry),
        hardware_probe(config, registry),
    )
