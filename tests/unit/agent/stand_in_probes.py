"""Stands in for the probes process: passes on what a test tells it, and writes down what it is told.

``python stand_in_probes.py DIRECTORY``: datagrams to ``DIRECTORY/tell`` go to the beat process, its messages become
lines of ``DIRECTORY/told``.
"""

import json
import os
import select
import socket
import sys
from pathlib import Path

EMPTY_SET = {"faults": "", "generation": 1, "new": False}


def main() -> None:
    directory = Path(sys.argv[1])
    beat = socket.socket(fileno=int(os.environ["NFVI_HA_BEAT_FD"]))
    tell = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    (directory / "tell").unlink(missing_ok=True)
    tell.bind(str(directory / "tell"))
    beat.send(json.dumps(EMPTY_SET).encode())
    with (directory / "told").open("a", buffering=1) as told:
        while True:
            for ready in select.select([beat, tell], [], [])[0]:
                message = ready.recv(1 << 20)
                if ready is tell:
                    beat.send(message)
                elif not message:
                    return
                else:
                    told.write(message.decode() + "\n")
                    if "status" in json.loads(message):
                        beat.send(b'{"alive": true}')


if __name__ == "__main__":
    main()
