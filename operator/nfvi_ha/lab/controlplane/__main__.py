"""``python -m nfvi_ha.lab.controlplane``: makes sure that there is a control plane to start, and says which."""

import sys

from nfvi_ha.lab.controlplane.errors import ControlPlaneError
from nfvi_ha.lab.controlplane.finder import find_or_build_assets
from nfvi_ha.lab.controlplane.progress import console_progress


def main() -> int:
    """Exit code 0 when binaries are there, 1 with the reason on standard error when none can be had."""
    try:
        with console_progress() as progress:
            assets = find_or_build_assets(progress)
    except ControlPlaneError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"Kubernetes {assets.version_text} ({assets.source})\n")
    for path in (assets.kube_apiserver, assets.kube_controller_manager, assets.etcd, assets.kubectl):
        sys.stdout.write(f"  {path or 'kube-controller-manager: none'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
