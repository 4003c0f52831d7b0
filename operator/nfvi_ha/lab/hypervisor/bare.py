"""A hypervisor without kubelet and VMs: ``python -m nfvi_ha.lab.hypervisor.bare CONFIG``.

Many of them fit on a small machine, for tests of the heartbeat, which needs no Kubernetes at all.
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import orjson

from nfvi_ha.lab.hypervisor.service import Service, run_service
from nfvi_ha.lab.part import run_part


async def run_bare(directory: Path, services: Sequence[Service]) -> None:
    """Keep its services running until cancelled."""
    async with asyncio.TaskGroup() as group:
        for service in services:
            group.create_task(run_service(service, directory))


def main() -> None:
    """Run until SIGTERM."""
    values = orjson.loads(Path(sys.argv[1]).read_bytes())
    services = [Service.from_json(item) for item in values["services"]]
    run_part(run_bare(Path(values["directory"]), services))


if __name__ == "__main__":
    main()
