"""The Hypervisor objects."""

from nfvi_ha.kube.client import KubeClient
from nfvi_ha.sentinel.scribe.report import HypervisorReport


class HypervisorObjects:
    """Placeholder until the kind is there."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def write(self, node: str, report: HypervisorReport | None) -> bool:
        """Nothing yet."""
        return False
