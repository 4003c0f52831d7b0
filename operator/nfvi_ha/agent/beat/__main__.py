"""``python -m nfvi_ha.agent.beat CONFIG.json``."""

import sys
from pathlib import Path

# OpenSSL would be 2.5 MB of this process for nothing: BLAKE2 is the interpreter's own. hashlib and hmac know how to
# do without it, as long as this is set before they are imported.
sys.modules.setdefault("_hashlib", None)  # type: ignore[arg-type]

from nfvi_ha.agent import config as configuration  # noqa: E402
from nfvi_ha.agent.beat import scheduling  # noqa: E402
from nfvi_ha.agent.beat.log import Log  # noqa: E402
from nfvi_ha.agent.beat.loop import BeatLoop  # noqa: E402


def main(arguments: list[str]) -> int:
    """Beat until SIGTERM."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m nfvi_ha.agent.beat CONFIG.json\n")
        return 2
    path = Path(arguments[0])
    try:
        config = configuration.load(path)
        probes = [sys.executable, "-m", "nfvi_ha.agent.probes", str(path)]
        log = Log(config.log_level, config.log_format)
        loop = BeatLoop(config, probes, scheduling.prefer(), locked=scheduling.lock_memory(), log=log)
    except (OSError, ValueError, TypeError, KeyError) as error:
        sys.stderr.write(f"{path}: {type(error).__name__}: {error}\n")
        return 1
    scheduling.stop_collecting()
    loop.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
