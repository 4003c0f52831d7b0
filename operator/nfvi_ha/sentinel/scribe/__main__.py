"""``python -m nfvi_ha.sentinel.scribe CONFIG.json``, with the socket in NFVI_HA_SCRIBE_FD."""

import asyncio
import os
import random
import sys
from pathlib import Path

from nfvi_ha.kube.errors import KubeConfigError
from nfvi_ha.logs import LogFormat, set_up
from nfvi_ha.sentinel.scribe.lines import FD_VARIABLE
from nfvi_ha.sentinel.scribe.process import run_scribe
from nfvi_ha.sentinel.scribe.settings import BadSettings, read_settings

USAGE = f"usage: python -m nfvi_ha.sentinel.scribe CONFIG.json, with the number of a socket in {FD_VARIABLE}"


def main(arguments: list[str]) -> int:
    """Run until the hot process is gone; the exit status is 2 for what a restart will not mend."""
    if len(arguments) != 1 or not os.environ.get(FD_VARIABLE, "").isdigit():
        print(USAGE, file=sys.stderr)  # noqa: T201 - before there is a log
        return 2
    try:
        settings = read_settings(Path(arguments[0]))
        set_up(settings.log_level, LogFormat.JSON)
        asyncio.run(run_scribe(settings, random.random))
    except (BadSettings, KubeConfigError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - before there is a log
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
