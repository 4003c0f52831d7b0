"""The real beat process with the stand-in for the probes: ``python stand_in_beat.py CONFIG.json DIRECTORY``."""

import sys
from pathlib import Path

from nfvi_ha.agent import config as configuration
from nfvi_ha.agent.beat import scheduling
from nfvi_ha.agent.beat.log import Log
from nfvi_ha.agent.beat.loop import BeatLoop

if __name__ == "__main__":
    stand_in = Path(__file__).with_name("stand_in_probes.py")
    loop = BeatLoop(
        configuration.load(Path(sys.argv[1])),
        [sys.executable, str(stand_in), sys.argv[2]],
        scheduling.prefer(),
        locked=scheduling.lock_memory(),
        log=Log("info", "json"),
    )
    scheduling.stop_collecting()
    loop.run()
