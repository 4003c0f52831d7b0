"""Official Kubernetes release binaries, where the internet can be reached: quick to say no, checked by checksum."""

import hashlib
import platform
import re
import threading
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from nfvi_ha.lab.controlplane.errors import BuildFailed
from nfvi_ha.lab.controlplane.progress import ProgressSink

RELEASE: Final = "1.36.2"
BASE_URL: Final = "https://dl.k8s.io"
REACH_SECONDS: Final = 3.0
STALL_SECONDS: Final = 30.0
CHUNK_BYTES: Final = 1 << 20
ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}


class OfficialRelease:
    """The binaries of one release for this machine's architecture."""

    def __init__(self, release: str = RELEASE, *, base_url: str = BASE_URL, machine: str = platform.machine()) -> None:
        self.release = release
        self.architecture = ARCHITECTURES.get(machine, machine)
        self._base = f"{base_url}/v{release}/bin/linux/{self.architecture}"

    @property
    def set_id(self) -> str:
        """Name of its set in the cache."""
        return f"{self.release}-official-{self.architecture}"

    def checksums(self, names: Iterable[str], *, within_seconds: float = REACH_SECONDS) -> dict[str, str] | None:
        """The published SHA-256 of each binary; None when they cannot be had in time, name resolution included."""
        published: dict[str, str] = {}
        wanted = list(names)
        # A thread, since nothing else bounds a name resolution that hangs.
        asker = threading.Thread(target=self._ask, args=(wanted, published), daemon=True)
        asker.start()
        asker.join(within_seconds)
        return dict(published) if set(published) == set(wanted) else None

    def download(
        self, name: str, checksum: str, target: Path, *, progress: ProgressSink, cancelled: threading.Event
    ) -> None:
        """Writes the binary to ``target``. Raises BuildFailed when it breaks off or has another checksum."""
        digest = hashlib.sha256()
        url = f"{self._base}/{name}"
        try:
            with urllib.request.urlopen(url, timeout=STALL_SECONDS) as answer, target.open("wb") as file:  # noqa: S310
                size, done = int(answer.headers.get("Content-Length") or 0), 0
                while chunk := answer.read(CHUNK_BYTES):
                    if cancelled.is_set():
                        raise BuildFailed(f"cancelled while fetching {name}")
                    digest.update(chunk)
                    file.write(chunk)
                    done += len(chunk)
                    progress("fetch", f"{name} {self.release}", done / size if size else None)
        except (OSError, ValueError) as error:
            raise BuildFailed(f"fetching {url} broke off: {error}") from error
        if digest.hexdigest() != checksum:
            raise BuildFailed(f"{url} has SHA-256 {digest.hexdigest()}, published is {checksum}: not used")

    def _ask(self, names: Iterable[str], published: dict[str, str]) -> None:
        for name in names:
            try:
                with urllib.request.urlopen(f"{self._base}/{name}.sha256", timeout=REACH_SECONDS) as answer:  # noqa: S310
                    digest = answer.read(1000).decode("ascii").partition(" ")[0].strip()
            except (OSError, ValueError):
                return  # not reachable, not published, or not text: not to be had
            if re.fullmatch(r"[0-9a-f]{64}", digest):
                published[name] = digest
