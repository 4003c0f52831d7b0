"""The background process of ``nfvi-ha lab up`` (``python -m nfvi_ha.lab.daemon STATE_DIR``) and how it is found."""

import asyncio
import logging
import signal
import sys
import time
from pathlib import Path
from typing import Final

import orjson

from nfvi_ha.kube.errors import KubeError
from nfvi_ha.lab.controlplane.errors import ControlPlaneError
from nfvi_ha.lab.controlplane.processes import Daemon, ProcessId
from nfvi_ha.lab.controlplane.progress import console_progress
from nfvi_ha.lab.errors import LabFailed
from nfvi_ha.lab.part import LOG_FORMAT
from nfvi_ha.lab.processfile import PROCESS, read_identity, write_identity
from nfvi_ha.lab.world import Lab, LabAccess, LabOptions

OPTIONS_FILE: Final = "options.json"
LOG_FILE: Final = "lab.log"
START_SECONDS: Final = 180.0
STOP_SECONDS: Final = 60.0


def running(state_dir: Path) -> ProcessId | None:
    """The background process of the lab there, if it runs (the lab may still be starting)."""
    identity = read_identity(state_dir / PROCESS)
    return identity if identity is not None and identity.alive() else None


def access(state_dir: Path) -> LabAccess | None:
    """The lab there, if it is up."""
    return LabAccess.read(state_dir) if running(state_dir) else None


async def start(state_dir: Path, options: LabOptions) -> LabAccess:
    """Start a lab that goes on after this process; returns when it is up. Assets must have been found before.

    Raises:
        LabFailed: it does not come up; the message has the end of its log.
    """
    log = state_dir / LOG_FILE
    (state_dir / OPTIONS_FILE).write_bytes(orjson.dumps(options.to_json()))
    (state_dir / "lab.json").unlink(missing_ok=True)
    log.unlink(missing_ok=True)
    argv = [sys.executable, "-m", "nfvi_ha.lab.daemon", str(state_dir)]
    daemon = Daemon.spawn("lab", argv, log=log, cwd=state_dir, detach=True)
    write_identity(state_dir / PROCESS, daemon.identity)
    deadline = time.monotonic() + START_SECONDS
    while (found := LabAccess.read(state_dir)) is None:
        if not daemon.alive():
            raise LabFailed(f"the lab did not start; see {log}\n{daemon.log_tail()}")
        if time.monotonic() > deadline:
            await daemon.stop()
            raise LabFailed(f"the lab was not up within {START_SECONDS:.0f} s; see {log}\n{daemon.log_tail()}")
        await asyncio.sleep(0.1)
    return found


async def stop(state_dir: Path) -> bool:
    """End the lab there; whether one ran. Its logs stay.

    Raises:
        TimeoutError: its process does not end, even killed.
    """
    identity = running(state_dir)
    if identity is None:
        return False
    await Daemon.attach("lab", identity, state_dir / LOG_FILE).stop(grace_seconds=STOP_SECONDS)
    (state_dir / "lab.json").unlink(missing_ok=True)
    (state_dir / PROCESS).unlink(missing_ok=True)
    return True


async def _serve(state_dir: Path, options: LabOptions) -> None:
    stop_asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop_asked.set)
    with console_progress() as progress:
        starting = asyncio.create_task(Lab.start(state_dir, options, progress=progress))
        stopping = asyncio.create_task(stop_asked.wait())
        await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            return
        async with starting.result():
            await stopping


def main() -> None:
    """Run the lab until SIGTERM."""
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    state_dir = Path(sys.argv[1])
    options = LabOptions.from_json(orjson.loads((state_dir / OPTIONS_FILE).read_bytes()))
    try:
        asyncio.run(_serve(state_dir, options))
    except (LabFailed, ControlPlaneError, KubeError, OSError) as error:
        sys.exit(f"the lab failed: {error}")


if __name__ == "__main__":
    main()
