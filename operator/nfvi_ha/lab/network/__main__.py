"""Entry point: ``python -m nfvi_ha.lab.network CONFIG``, CONFIG being a JSON file written by the lab."""

import sys
from pathlib import Path

import orjson

from nfvi_ha.lab.network.plan import Host, Mode
from nfvi_ha.lab.network.process import NetworkConfig, run_network
from nfvi_ha.lab.part import run_part


def main() -> None:
    """Run until SIGTERM."""
    values = orjson.loads(Path(sys.argv[1]).read_bytes())
    hosts = [Host.from_json(item) for item in values["hosts"]]
    mode = Mode(values["mode"]) if values["mode"] else None
    run_part(run_network(NetworkConfig(Path(values["directory"]), hosts, mode)))


if __name__ == "__main__":
    main()
