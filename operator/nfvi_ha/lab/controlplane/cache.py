"""The cache of binaries: a set is whole and proven by its manifest, or it is not there.

A set is made in a scratch directory beside its place and moved there in one step, by one process at a time.
"""

import hashlib
import json
import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from nfvi_ha.lab.controlplane.errors import BuildFailed
from nfvi_ha.lab.controlplane.lock import try_lock
from nfvi_ha.lab.controlplane.progress import ProgressSink

MANIFEST: Final = "manifest.json"
SCRATCH_PREFIX: Final = "scratch-"
LOCK_POLL_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class CachedSet:
    """A verified directory of binaries. ``source`` says for people where they came from."""

    directory: Path
    version: str
    source: str

    def file(self, name: str) -> Path | None:
        """A binary of the set, or None."""
        path = self.directory / name
        return path if path.is_file() else None


class Cache:
    """All sets under one directory, by default ~/.cache/nfvi-ha/controlplane."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def of_user(cls, environment: Mapping[str, str]) -> "Cache":
        """The user's: $XDG_CACHE_HOME if it is absolute (as its specification demands), else ~/.cache."""
        named = Path(environment.get("XDG_CACHE_HOME", ""))
        base = named if named.is_absolute() else Path(environment.get("HOME") or Path.home()) / ".cache"
        return cls(base / "nfvi-ha" / "controlplane")

    def find(self, set_id: str) -> CachedSet | None:
        """The set, if its manifest is there and every file has the checksum it says; reads all of it (0.3 s)."""
        directory = self.root / set_id
        try:
            manifest = json.loads((directory / MANIFEST).read_text())
            files: dict[str, str] = manifest["files"]
            intact = bool(files) and all(sha256_of(directory / name) == digest for name, digest in files.items())
            return CachedSet(directory, manifest["version"], manifest["source"]) if intact else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None  # missing or damaged: whoever needs it makes it anew

    @contextmanager
    def lock(self, progress: ProgressSink, cancelled: threading.Event) -> Iterator[None]:
        """Only one process makes sets. The kernel drops the lock with its holder, so it is never stale.

        Raises BuildFailed when cancelled while waiting.
        """
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.root / "lock").open("a") as file:
            while not try_lock(file):
                progress("wait", f"another process is filling {self.root}")
                if cancelled.wait(LOCK_POLL_SECONDS):
                    raise BuildFailed(f"cancelled while another process was filling {self.root}")
            yield

    def obtain(
        self,
        set_id: str,
        make: Callable[[Path], tuple[str, str]],
        *,
        now: Callable[[], datetime],
        progress: ProgressSink,
        cancelled: threading.Event,
    ) -> CachedSet:
        """The set, made if need be: ``make`` fills a directory and returns (version, source), or raises.

        What an interrupted earlier call left behind is removed first.
        """
        with self.lock(progress, cancelled):
            found = self.find(set_id)  # the process we waited for may have made it
            if found is not None:
                return found
            self._remove_leftovers()
            scratch = Path(tempfile.mkdtemp(prefix=SCRATCH_PREFIX, dir=self.root))
            try:
                made = scratch / "set"
                made.mkdir()
                version, source = make(made)
                _write_manifest(made, version, source, now())
                target = self.root / set_id
                remove_tree(target)
                made.rename(target)
            finally:
                remove_tree(scratch)
            return CachedSet(target, version, source)

    def _remove_leftovers(self) -> None:
        for leftover in self.root.glob(f"{SCRATCH_PREFIX}*"):
            remove_tree(leftover)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, as hex digits. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove_tree(path: Path) -> None:
    """Removes a directory with all in it, read-only directories included; no error when it is not there."""
    if not path.exists():
        return
    try:
        shutil.rmtree(path)
    except PermissionError:
        for directory, _, _ in os.walk(path):
            Path(directory).chmod(stat.S_IRWXU)
        shutil.rmtree(path)


def _write_manifest(made: Path, version: str, source: str, now: datetime) -> None:
    files = {}
    for path in sorted(made.iterdir()):
        path.chmod(0o755)
        files[path.name] = sha256_of(path)
    manifest = {"version": version, "source": source, "madeAt": now.isoformat(timespec="seconds"), "files": files}
    (made / MANIFEST).write_text(json.dumps(manifest, indent=1))
