"""A real agent of a test: its beat process, and what is told to it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nfvi_ha.agent.config import AgentConfig, Network, SentinelAddress
from tests.unit.agent.fake_sentinel import CLUSTER, KEYS, NODE, PATIENCE_SECONDS, FakeSentinel

BOOT_ID = "11111111-2222-3333-4444-555555555555"
HERE = Path(__file__).parent
ROOT = HERE.parents[2]


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


def configuration(directory: Path, seats: Sequence[FakeSentinel], **changes: Any) -> AgentConfig:
    fields: dict[str, Any] = {
        "node": NODE,
        "cluster": CLUSTER,
        "networks": (Network("management", "127.0.0.1", free_port()),),
        "state_dir": directory,
        "sentinels": tuple(
            SentinelAddress(each.seat, "management", each.address[0], each.address[1]) for each in seats
        ),
        "keys": {1: KEYS[1].hex()},
        "boot_id": BOOT_ID,
        "kubeconfig": "/nonexistent",
        "host": "127.0.0.1",
        "port": 0,
        "port_file": str(directory / "port"),
        "run_root": directory / "run",
        # The machine that a test runs on has daemons, too, and labs with more of them.
        "probes": {"process": {"scope": "group"}},
    }
    return AgentConfig(**(fields | changes))


class RunningAgent:
    """With ``stand_in`` the probes process is one that does as the test says."""

    def __init__(self, config: AgentConfig, *, stand_in: bool = True) -> None:
        self.config = config
        self.directory = config.state_dir
        path = self.directory / "agent.json"
        path.write_text(json.dumps(config.to_json()))
        command = [sys.executable, "-m", "nfvi_ha.agent.beat", str(path)]
        if stand_in:
            command = [sys.executable, str(HERE / "stand_in_beat.py"), str(path), str(self.directory)]
        self.log = self.directory / "log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stderr=log, cwd=ROOT)
        self.pid = self.process.pid

    @property
    def port(self) -> tuple[str, int]:
        return "127.0.0.1", self.config.networks[0].port

    def tell(self, message: dict[str, Any]) -> None:
        """Have the stand-in send this to the beat process."""
        until((self.directory / "tell").exists, "the stand-in listens")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(json.dumps(message).encode(), str(self.directory / "tell"))

    def told(self, kind: str) -> list[Any]:
        """What the stand-in was told of that kind."""
        path = self.directory / "told"
        lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        messages = [json.loads(line) for line in lines if line.endswith("\n")]
        return [message[kind] for message in messages if kind in message]

    def status(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first status from now on that is wanted."""
        before = len(self.told("status"))
        until(lambda: any(wanted(each) for each in self.told("status")[before:]), "the status is as wanted")
        return next(each for each in self.told("status")[before:] if wanted(each))

    def child(self) -> int:
        """Pid of the probes process; 0 if there is none."""
        found = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return int(found[0]) if found else 0

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        self.process.terminate()
        return self.process.wait(PATIENCE_SECONDS)

    def end(self) -> None:
        """Whatever state it is in."""
        if self.process.poll() is None:
            os.kill(self.pid, signal.SIGCONT)
            self.process.kill()
            self.process.wait()


def until(condition: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"
