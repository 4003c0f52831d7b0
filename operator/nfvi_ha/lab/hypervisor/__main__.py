"""Entry point: ``python -m nfvi_ha.lab.hypervisor CONFIG``, CONFIG being a JSON file written by the lab."""

import sys
from pathlib import Path

import orjson

from nfvi_ha.lab.hypervisor.node import NodeIdentity, NodeSpec
from nfvi_ha.lab.hypervisor.process import HypervisorConfig, run_hypervisor
from nfvi_ha.lab.hypervisor.service import Service
from nfvi_ha.lab.part import run_part
from nfvi_ha.lab.timings import LabTimings


def main() -> None:
    """Run until SIGTERM."""
    values = orjson.loads(Path(sys.argv[1]).read_bytes())
    config = HypervisorConfig(
        node=NodeSpec.from_json(values["node"]),
        kubeconfig=Path(values["kubeconfig"]),
        directory=Path(values["directory"]),
        timings=LabTimings.from_json(values["timings"]),
        seed=values["seed"],
        identity=NodeIdentity(values["address"], values["bootID"], values["places"], values["agentPort"]),
        services=[Service.from_json(item) for item in values["services"]],
    )
    run_part(run_hypervisor(config))


if __name__ == "__main__":
    main()
