"""A cached set is whole or not there; one process makes it; an interrupted one leaves nothing that counts."""

import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nfvi_ha.lab.controlplane.cache import Cache, CachedSet
from nfvi_ha.lab.controlplane.errors import BuildFailed
from nfvi_ha.lab.controlplane.progress import silent


def fill(content: str = "binary") -> "Filler":
    return Filler(content)


class Filler:
    def __init__(self, content: str) -> None:
        self.content = content
        self.calls = 0

    def __call__(self, directory: Path) -> tuple[str, str]:
        self.calls += 1
        (directory / "kube-apiserver").write_text(self.content)
        return "1.20.2", "made by a test"


def obtain(cache: Cache, make: Filler, cancelled: threading.Event | None = None) -> CachedSet:
    return cache.obtain(
        "a-set",
        make,
        now=lambda: datetime(2030, 1, 1, tzinfo=UTC),
        progress=silent,
        cancelled=cancelled or threading.Event(),
    )


def test_made_set_is_found_again_and_not_made_twice(tmp_path: Path) -> None:
    cache, make = Cache(tmp_path), fill()
    assert cache.find("a-set") is None

    made = obtain(cache, make)
    again = obtain(cache, make)

    assert made == again == cache.find("a-set")
    assert make.calls == 1
    binary = made.file("kube-apiserver")
    assert binary is not None
    assert binary.stat().st_mode & 0o111
    assert made.file("kube-controller-manager") is None


@pytest.mark.parametrize("damage", ["changed", "missing", "no manifest", "half a manifest", "empty manifest"])
def test_damaged_set_is_not_found_and_made_anew(tmp_path: Path, damage: str) -> None:
    cache = Cache(tmp_path)
    made = obtain(cache, fill("good"))
    binary, manifest = made.directory / "kube-apiserver", made.directory / "manifest.json"
    if damage == "changed":
        binary.write_text("gooe")
    elif damage == "missing":
        binary.unlink()
    elif damage == "no manifest":
        manifest.unlink()
    elif damage == "half a manifest":
        manifest.write_text(manifest.read_text()[:40])
    else:
        manifest.write_text("{}")

    assert cache.find("a-set") is None
    assert (obtain(cache, fill("good")).directory / "kube-apiserver").read_text() == "good"
    assert cache.find("a-set") is not None


def test_failed_making_leaves_nothing(tmp_path: Path) -> None:
    def fail(directory: Path) -> tuple[str, str]:
        (directory / "kube-apiserver").write_text("half")
        read_only = directory.parent / "build"
        read_only.mkdir()
        (read_only / "module").mkdir(mode=0o500)
        raise BuildFailed("no luck")

    with pytest.raises(BuildFailed, match="no luck"):
        Cache(tmp_path).obtain(
            "a-set", fail, now=lambda: datetime.now(UTC), progress=silent, cancelled=threading.Event()
        )

    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


KILLED_MAKER = """
import sys, threading, time
from datetime import UTC, datetime
from pathlib import Path
from nfvi_ha.lab.controlplane.cache import Cache
from nfvi_ha.lab.controlplane.progress import silent

def make(directory):
    (directory / "kube-apiserver").write_text("half")
    print("making", flush=True)
    time.sleep(600)

Cache(Path(sys.argv[1])).obtain(
    "a-set", make, now=lambda: datetime.now(UTC), progress=silent, cancelled=threading.Event())
"""


@pytest.fixture
def maker(tmp_path: Path) -> "subprocess.Popen[str]":
    """Another process that is in the middle of making the set, and stays there."""
    process = subprocess.Popen([sys.executable, "-c", KILLED_MAKER, tmp_path], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "making\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_killed_maker_leaves_no_half_set_and_the_next_cleans_up(tmp_path: Path, maker: "subprocess.Popen[str]") -> None:
    maker.send_signal(signal.SIGKILL)
    maker.wait()
    cache = Cache(tmp_path)
    assert list(tmp_path.glob("scratch-*"))
    assert cache.find("a-set") is None

    made = obtain(cache, fill("whole"))

    assert (made.directory / "kube-apiserver").read_text() == "whole"
    assert not list(tmp_path.glob("scratch-*"))


def test_second_process_waits_for_the_first_and_says_so(tmp_path: Path, maker: "subprocess.Popen[str]") -> None:
    told = threading.Event()
    made: list[CachedSet] = []

    def progress(step: str, message: str, fraction: float | None = None) -> None:
        if step == "wait":
            told.set()

    def second() -> None:
        make = fill("second")
        now = datetime(2030, 1, 1, tzinfo=UTC)
        made.append(
            Cache(tmp_path).obtain("a-set", make, now=lambda: now, progress=progress, cancelled=threading.Event())
        )

    waiting = threading.Thread(target=second)
    waiting.start()
    assert told.wait(10)
    assert not made
    assert list(tmp_path.glob("scratch-*"))  # the first one's; nobody touches it while it lives

    maker.kill()
    waiting.join(10)

    assert [(one.directory / "kube-apiserver").read_text() for one in made] == ["second"]


def test_waiting_can_be_cancelled(tmp_path: Path, maker: "subprocess.Popen[str]") -> None:
    cancelled = threading.Event()
    cancelled.set()

    with pytest.raises(BuildFailed, match="another process"):
        obtain(Cache(tmp_path), fill(), cancelled)


def test_cache_follows_the_base_directory_specification(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path)}
    assert Cache.of_user(home).root == tmp_path / ".cache/nfvi-ha/controlplane"
    assert Cache.of_user({**home, "XDG_CACHE_HOME": "/srv/cache"}).root == Path("/srv/cache/nfvi-ha/controlplane")
    assert Cache.of_user({**home, "XDG_CACHE_HOME": "relative"}).root == tmp_path / ".cache/nfvi-ha/controlplane"
