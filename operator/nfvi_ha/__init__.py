"""nfvi-ha: high availability for KubeVirt virtual machines on Kubernetes."""

from typing import Final

__version__: Final = "0.1.0"
