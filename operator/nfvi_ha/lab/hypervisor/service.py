"""The daemons of a hypervisor: started with it, started again when they end, members of its process group."""

import asyncio
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from nfvi_ha.lab.controlplane import deathwatch
from nfvi_ha.lab.controlplane.processes import ProcessId
from nfvi_ha.lab.hypervisor.child import ChildProcess
from nfvi_ha.lab.processfile import held, write_identity

log = logging.getLogger(__name__)

DIRECTORY: Final = "services"
RESTART_SECONDS: Final = 1.0
HELD_POLL_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Service:
    """A program that runs for as long as its hypervisor does."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    """Beside that of the lab itself."""
    restart_seconds: float = RESTART_SECONDS
    """Pause before it is started again."""

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """The reverse of ``to_json``."""
        return cls(**values)


def identity_file(node_directory: Path, service: str) -> Path:
    """Which process a service of a node is at the moment."""
    return node_directory / DIRECTORY / f"{service}.json"


def log_file(node_directory: Path, service: str) -> Path:
    """Where a service's output goes."""
    return node_directory / DIRECTORY / f"{service}.log"


async def run_service(service: Service, node_directory: Path) -> None:
    """Keep it running until cancelled; then it is killed.

    Raises:
        OSError: it cannot be started.
    """
    identity = identity_file(node_directory, service.name)
    identity.parent.mkdir(parents=True, exist_ok=True)
    # The kernel kills it with this process, however that ends.
    argv = [sys.executable, "-I", "-S", str(deathwatch.__file__), str(os.getpid()), *service.argv]
    while True:
        ended = asyncio.Event()
        with log_file(node_directory, service.name).open("ab") as output:
            child = ChildProcess.start(
                Path(sys.executable), argv, node_directory, ended.set, env={**os.environ, **service.env}, output=output
            )
        started = ProcessId.of(child.pid)
        if started is not None:
            write_identity(identity, started)
        try:
            await ended.wait()
        finally:
            child.kill()
        log.info("%s ended with %s and is started again", service.name, child.exit_code)
        await asyncio.sleep(service.restart_seconds)
        while held(identity):  # noqa: ASYNC110 - a file of another process has no event
            await asyncio.sleep(HELD_POLL_SECONDS)
