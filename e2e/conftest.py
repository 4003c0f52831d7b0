"""The command as a user runs it: as a process, with its own state, judged by what it prints and how it ends."""

import json
import os
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
COMMAND = str(Path(sysconfig.get_path("scripts")) / "nfvi-ha")


class Result:
    """What a command printed and how it ended."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    def json(self) -> Any:
        """stdout, which must be one JSON value and nothing else."""
        return json.loads(self.out)

    def __repr__(self) -> str:
        return f"exit {self.code}\n--- stdout\n{self.out[-4000:]}\n--- stderr\n{self.err[-4000:]}"


Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs nfvi-ha with a state directory of the test's own."""
    env = {**os.environ, "XDG_STATE_HOME": str(tmp_path), "COLUMNS": "160", "CI": "true"}

    def run_command(*arguments: str, seconds: float = 300.0) -> Result:
        done = subprocess.run(
            [COMMAND, *arguments], capture_output=True, text=True, timeout=seconds, env=env, cwd=tmp_path, check=False
        )
        return Result(done)

    return run_command


@pytest.fixture(scope="session", autouse=True)
def control_plane_is_there() -> None:
    """A build that takes minutes must not count as the time of a test."""
    subprocess.run([str(Path(COMMAND).with_name("python")), "-m", "nfvi_ha.lab.controlplane"], check=True)
