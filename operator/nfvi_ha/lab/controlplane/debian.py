"""Builds kube-apiserver and kube-controller-manager 1.20 from Debian's source package. No root needed.

The Go release is part of the recipe: built with Go 1.18 or newer, this source crashes on the first custom resource
and turns empty strings in typed maps into null. Debian 11 has Go 1.15, for which it was written; its packages are
unpacked into the scratch directory, nothing is installed.
"""

import os
import re
import shutil
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from nfvi_ha.lab.controlplane import apt
from nfvi_ha.lab.controlplane.apt import AptSource
from nfvi_ha.lab.controlplane.errors import AssetsUnavailable, BuildFailed
from nfvi_ha.lab.controlplane.progress import ProgressSink
from nfvi_ha.lab.controlplane.steps import Steps

SOURCE_SUITE: Final = "bookworm"
GO_SUITE: Final = "bullseye"
GO_PACKAGES: Final = ("golang-1.15-go", "golang-1.15-src")
GO_ROOT: Final = "usr/lib/go-1.15"
RELEASE_SERIES: Final = (1, 20)
BINARIES: Final = ("kube-apiserver", "kube-controller-manager")
SET_NAME: Final = "1.20-debian-go1.15-r2"

SCRATCH_BYTES: Final = 3 * 10**9
"""2.2 GB at the peak, and room for whoever else writes to this disk."""
COMPILED: Final = {"kube-apiserver": 1426, "kube-controller-manager": 266}
"""How many packages each compiles, for the progress: the second finds most of its own compiled already."""

VERSIONED: Final = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
"""Packages that hold the release's version: `--version` shows the first, the aggregator's /version the second."""
TREE: Final = "k8s.io/kubernetes"
OPENAPI_MARK: Final = re.compile(r"^// \+k8s:openapi-gen=", re.MULTILINE)
OPENAPI_SKIPPED: Final = ("/testdata/", "code-generator", "sample-apiserver", "/generated/")


def why_not(*, os_release: Path = Path("/etc/os-release"), root: Path) -> str:
    """Why this machine cannot build, "" when it can; ``root`` is where the scratch directory will be."""
    words = (
        dict(line.partition("=")[::2] for line in os_release.read_text().splitlines()) if os_release.exists() else {}
    )
    if words.get("ID", "").strip('"') != "debian":
        return "building needs Debian (any release whose mirror has bookworm's sources); use KUBEBUILDER_ASSETS"
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        return "building needs apt-get and dpkg"
    existing = next(path for path in (root, *root.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if free < SCRATCH_BYTES:
        return f"building needs {SCRATCH_BYTES / 1e9:.0f} GB free in {existing}, there are {free / 1e9:.1f} GB"
    return ""


class DebianBuild:
    """One build. ``scratch`` is an empty directory that the caller removes afterwards."""

    def __init__(
        self,
        scratch: Path,
        *,
        progress: ProgressSink,
        cancelled: threading.Event,
        environment: Mapping[str, str],
        apt_directory: Path = Path("/etc/apt"),
        log: Path,
    ) -> None:
        self._scratch = scratch
        self._steps = Steps(log, progress, cancelled)
        self._cancelled = cancelled
        self._environment = environment
        self._apt_directory = apt_directory
        self._tree = scratch / "go/src" / TREE
        self._go = scratch / "root" / GO_ROOT / "bin/go"

    def make(self, target: Path) -> str:
        """Puts the binaries into ``target`` and returns their release. Raises BuildFailed, AssetsUnavailable."""
        self._need_dpkg_source()
        self._fetch()
        self._unpack()
        version = self._version()
        self._generate_openapi()
        for name in BINARIES:
            self._compile(name, target / name, version)
        return version

    def _need_dpkg_source(self) -> None:
        if shutil.which("dpkg-source") is not None:
            return
        if os.geteuid() != 0:
            raise AssetsUnavailable("building needs dpkg-source: ask for `apt-get install dpkg-dev`")
        environment = {**self._environment, "DEBIAN_FRONTEND": "noninteractive"}
        self._steps.run("updating package lists", ["apt-get", "update"], cwd=self._scratch)
        command = ["apt-get", "install", "-y", "--no-install-recommends", "dpkg-dev"]
        self._steps.run("installing dpkg-dev", command, cwd=self._scratch, environment=environment)

    def _fetch(self) -> None:
        """Go and the source package, from the first mirror that has them; apt checks them by Debian's signatures."""
        candidates = apt.mirrors(apt.read_sources(self._apt_directory))
        for number, mirror in enumerate(candidates, 1):
            try:
                self._fetch_from(mirror)
            except BuildFailed as error:
                if number == len(candidates) or self._cancelled.is_set():
                    raise
                self._steps.tell(f"not to be had from {' '.join(mirror.uris)}, trying the next mirror: {error}"[:300])
            else:
                return

    def _fetch_from(self, mirror: AptSource) -> None:
        shutil.rmtree(self._scratch / "apt", ignore_errors=True)
        for directory in ("apt/lists/partial", "apt/cache/archives/partial", "apt/parts", "packages"):
            (self._scratch / directory).mkdir(parents=True, exist_ok=True)
        text = mirror.stanza("deb-src", SOURCE_SUITE) + "\n" + mirror.stanza("deb", GO_SUITE)
        (self._scratch / "apt/parts/lab.sources").write_text(text)
        packages = self._scratch / "packages"
        self._steps.tell("reading Debian's package lists", 0.0)
        self._steps.run("reading package lists", [*self._apt(), "update"], cwd=packages, environment=self._environment)
        self._steps.tell("fetching Go 1.15 and the source of Kubernetes", 0.04)
        self._steps.run(
            "fetching Go", [*self._apt(), "download", *GO_PACKAGES], cwd=packages, environment=self._environment
        )
        source = [*self._apt(), "source", "--download-only", "kubernetes"]
        self._steps.run("fetching the source package", source, cwd=packages, environment=self._environment)

    def _apt(self) -> list[str]:
        """apt-get that knows our lists only and touches none of the machine's."""
        private = self._scratch / "apt"
        options = {
            "Dir::Etc::sourcelist": "/dev/null",
            "Dir::Etc::sourceparts": private / "parts",
            "Dir::State::Lists": private / "lists",
            "Dir::Cache": private / "cache",
            "APT::Sandbox::User": "root",  # the scratch directory is ours alone: apt is not to become another user
            "APT::Update::Error-Mode": "any",  # a list that cannot be had is an error, not a warning
            "Acquire::Languages": "none",
            "Acquire::Retries": 2,
            "Acquire::http::Timeout": 30,
        }
        return ["apt-get", "-q", *(f"-o{name}={value}" for name, value in options.items())]

    def _unpack(self) -> None:
        self._steps.tell("unpacking", 0.08)
        packages = self._scratch / "packages"
        for deb in sorted(packages.glob("golang-1.15-*.deb")):
            command = ["dpkg", "-x", str(deb), str(self._scratch / "root")]
            self._steps.run("unpacking Go", command, cwd=packages)
        descriptions = sorted(packages.glob("kubernetes_*.dsc"))
        if len(descriptions) != 1 or not self._go.exists():
            raise BuildFailed(f"expected Go and one source package in {packages}: {sorted(packages.iterdir())}")
        self._tree.parent.mkdir(parents=True)
        # apt has checked the files against the signed index; the maintainer's own signature needs one more keyring.
        command = ["dpkg-source", "--no-check", "-x", str(descriptions[0]), str(self._tree)]
        self._steps.run("unpacking the source", command, cwd=packages)

    def _version(self) -> str:
        """Upstream's release from the package's changelog: "1.20.5+really1.20.2-1.1" is 1.20.2."""
        first_line = (self._tree / "debian/changelog").read_text().partition("\n")[0]
        match = re.search(r"\((?:.*really)?(\d+)\.(\d+)\.(\d+)[^)]*\)", first_line)
        if match is None or (int(match[1]), int(match[2])) != RELEASE_SERIES:
            raise BuildFailed(f"the source package is {first_line!r}; this recipe is for 1.20 alone")
        return ".".join(match.groups())

    def _generate_openapi(self) -> None:
        """Makes the one generated file that the source package lacks: the schema of all built-in kinds."""
        self._steps.tell("generating the OpenAPI definitions", 0.12)
        generator = self._scratch / "openapi-gen"
        self._go_build("building openapi-gen", generator, f"{TREE}/vendor/k8s.io/kube-openapi/cmd/openapi-gen")
        packages = ",".join(marked_packages(self._tree))
        header = "vendor/k8s.io/code-generator/hack/boilerplate.go.txt"
        command = [str(generator), "--v", "0", "-i", packages, "-p", f"{TREE}/pkg/generated/openapi"]
        command += ["-O", "zz_generated.openapi", "-h", header, "-r", "/dev/null"]
        self._steps.run("generating", command, cwd=self._tree, environment=self._go_environment())

    def _compile(self, name: str, target: Path, version: str) -> None:
        major, minor, _ = version.split(".")
        stamps = {"gitVersion": f"v{version}", "gitMajor": major, "gitMinor": minor}
        linked = "-s -w " + " ".join(
            f"-X {TREE}/vendor/{package}.{field}={value}" for package in VERSIONED for field, value in stamps.items()
        )
        begin, end = (0.2, 0.8) if name == BINARIES[0] else (0.8, 0.97)

        def tell(packages: int) -> None:
            share = min(packages / COMPILED[name], 1.0)
            self._steps.tell(f"compiling {name} {version}", begin + share * (end - begin))

        tell(0)
        self._go_build(f"compiling {name}", target, f"{TREE}/cmd/{name}", "-v", "-ldflags", linked, on_line=tell)

    def _go_build(
        self, message: str, target: Path, package: str, *options: str, on_line: Callable[[int], None] | None = None
    ) -> None:
        command = [str(self._go), "build", *options, "-o", str(target), package]
        self._steps.run(message, command, cwd=self._tree, environment=self._go_environment(), on_line=on_line)

    def _go_environment(self) -> dict[str, str]:
        """For Go 1.15, deaf to whatever Go setup the user has; $GOCACHE alone is honoured and kept."""
        temporary = self._scratch / "tmp"
        temporary.mkdir(exist_ok=True)
        kept = {name: value for name, value in self._environment.items() if not name.startswith(("GO", "CGO_"))}
        return {
            **kept,
            "PATH": f"{self._go.parent}:{self._environment.get('PATH', os.defpath)}",
            "GOROOT": str(self._scratch / "root" / GO_ROOT),
            "GOPATH": str(self._scratch / "go"),
            "GOCACHE": self._environment.get("GOCACHE") or str(self._scratch / "gocache"),
            "GOTMPDIR": str(temporary),
            "GO111MODULE": "off",
            "GOENV": "off",
            "GOFLAGS": "-trimpath",
            "CGO_ENABLED": "0",
        }


def marked_packages(tree: Path) -> list[str]:
    """Import paths of all packages under ``pkg`` and ``staging`` that ask for OpenAPI definitions, sorted."""
    found = set()
    for top in ("pkg", "staging/src/k8s.io"):
        for path in (tree / top).rglob("*.go"):
            relative = path.relative_to(tree).as_posix()
            if relative.endswith("_test.go") or any(part in relative for part in OPENAPI_SKIPPED):
                continue
            if path.is_file() and OPENAPI_MARK.search(path.read_text(errors="replace")):
                found.add(_import_path(path.parent.relative_to(tree).as_posix()))
    return sorted(found)


def _import_path(directory: str) -> str:
    staged = directory.removeprefix("staging/src/")
    return f"{TREE}/vendor/{staged}" if staged != directory else f"{TREE}/{directory}"
