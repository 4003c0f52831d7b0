"""``python -m nfvi_ha.agent.probes CONFIG.json``; started by the beat process only."""

import asyncio
import signal
import sys
from pathlib import Path

from nfvi_ha.agent import config as configuration
from nfvi_ha.agent.app import run_probes
from nfvi_ha.agent.beat.scheduling import die_with_parent
from nfvi_ha.agent.beat_link import BeatLink
from nfvi_ha.agent.probes.registry import probes
from nfvi_ha.logs import LogFormat, set_up


def main(arguments: list[str]) -> int:
    """Probe until SIGTERM, or until the beat process ends."""
    die_with_parent(signal.SIGKILL)
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m nfvi_ha.agent.probes CONFIG.json\n")
        return 2
    try:
        config = configuration.load(Path(arguments[0]))
        set_up(config.log_level, LogFormat(config.log_format))
        link = BeatLink.inherited(config.node)
    except (OSError, ValueError, TypeError, KeyError) as error:
        sys.stderr.write(f"{arguments[0]}: {type(error).__name__}: {error}\n")
        return 1
    try:
        asyncio.run(run_probes(config, link, probes))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"nfvi-ha agent: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
