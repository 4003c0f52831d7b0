"""Entry point: ``python -m nfvi_ha.lab.cluster CONFIG``, CONFIG being a JSON file written by the lab."""

import sys
from pathlib import Path

import orjson

from nfvi_ha.lab.cluster.process import ClusterConfig, run_cluster
from nfvi_ha.lab.part import run_part
from nfvi_ha.lab.timings import LabTimings


def main() -> None:
    """Run until SIGTERM."""
    values = orjson.loads(Path(sys.argv[1]).read_bytes())
    config = ClusterConfig(Path(values["kubeconfig"]), LabTimings.from_json(values["timings"]))
    run_part(run_cluster(config))


if __name__ == "__main__":
    main()
